# Tables and figures by name: those of the paper (table1, fig4, ...) and those of the configuration's section `targets`.
# Each is made from the part of the run that it shows, and asks for no other.


use rule pass_counts as target_pass_counts with:
    input:
        verdicts=lambda wildcards: draw_paths("verdicts", target_of(wildcards)),
    output:
        pass_counts=f"{RESULTS}/targets/{{target}}/pass_counts.parquet",
    log:
        f"{RESULTS}/logs/targets/{{target}}/pass_counts.log",
    benchmark:
        f"{RESULTS}/benchmarks/targets/{{target}}/pass_counts.tsv"
    params:
        code=code_of("count_passes.py"),
        folder=verdicts_folder,
        runs=lambda wildcards: json.dumps(list(drawn(target_of(wildcards)))),
    message:
        "Count passes of {wildcards.target}"


use rule metrics as target_metrics with:
    input:
        pass_counts=rules.target_pass_counts.output.pass_counts,
    output:
        metrics=f"{RESULTS}/targets/{{target}}/metrics.parquet",
        comparisons=f"{RESULTS}/targets/{{target}}/comparisons.parquet",
    log:
        f"{RESULTS}/logs/targets/{{target}}/metrics.log",
    benchmark:
        f"{RESULTS}/benchmarks/targets/{{target}}/metrics.tsv"
    message:
        "Compute Pass@k and Pass@k^(m) of {wildcards.target}"


use rule tables as target_table with:
    input:
        metrics=rules.target_metrics.output.metrics,
    output:
        parquet=f"{RESULTS}/targets/{{target}}/headline.parquet",
        csv=f"{RESULTS}/targets/{{target}}/headline.csv",
        markdown=f"{RESULTS}/targets/{{target}}/headline.md",
        latex=f"{RESULTS}/targets/{{target}}/headline.tex",
        paper_comparison=f"{RESULTS}/targets/{{target}}/paper_comparison.parquet",
        paper_comparison_texts=expand(
            f"{RESULTS}/targets/{{target}}/paper_comparison.{{kind}}",
            kind=["csv", "md"],
            allow_missing=True,
        ),
    log:
        f"{RESULTS}/logs/targets/{{target}}/table.log",
    benchmark:
        f"{RESULTS}/benchmarks/targets/{{target}}/table.tsv"
    message:
        "Write {wildcards.target}"


use rule paper_table as target_paper_table with:
    input:
        metrics=rules.target_metrics.output.metrics,
    output:
        markdown=f"{RESULTS}/targets/{{target}}/{{layout}}.md",
        latex=f"{RESULTS}/targets/{{target}}/{{layout}}.tex",
    log:
        f"{RESULTS}/logs/targets/{{target}}/{{layout}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/targets/{{target}}/{{layout}}.tsv"
    message:
        "Fill the paper's {wildcards.layout} for {wildcards.target}"


use rule run_figure as target_figure with:
    input:
        tables=lambda wildcards: list(run_figure_inputs(wildcards).values()),
        verdicts=lambda wildcards: (
            draw_paths("verdicts", target_of(wildcards))
            if needs_verdicts(wildcards)
            else []
        ),
    output:
        png=f"{RESULTS}/targets/{{target}}/{{figure}}.png",
        svg=f"{RESULTS}/targets/{{target}}/{{figure}}.svg",
    log:
        f"{RESULTS}/logs/targets/{{target}}/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/targets/{{target}}/{{figure}}.tsv"
    message:
        "Draw {wildcards.figure} of {wildcards.target}"


for name in CONFIG.targets:
    if workflow.dag_settings and name in workflow.dag_settings.targets:
        shown_by(
            name
        )  # what is missing is told here, where Snakemake adds no traceback to it

    rule:
        name:
            name
        input:
            lambda wildcards, name=name: shown_by(name),
        localrule: True
        message:
            f"Done: {name}, in {RESULTS}/targets/{name} and {RESULTS}/figures"
