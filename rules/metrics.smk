# Pass@k and Pass@k^(m) with their uncertainty, and the headline table.


rule pass_counts:
    input:
        verdicts=draw_paths("verdicts"),
    output:
        pass_counts=f"{RESULTS}/metrics/pass_counts.parquet",
    log:
        f"{RESULTS}/logs/pass_counts.log",
    benchmark:
        f"{RESULTS}/benchmarks/pass_counts.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        code=code_of("count_passes.py"),
        folder=verdicts_folder,
        runs=json.dumps(list(drawn())),
    message:
        "Count passes"
    shell:
        'python "$IBFT_SCRIPTS/count_passes.py" --verdicts {params.folder:q} --runs {params.runs:q}'
        " --output {output.pass_counts:q} --log {log:q}"


rule metrics:
    input:
        pass_counts=rules.pass_counts.output.pass_counts,
    output:
        metrics=f"{RESULTS}/metrics/metrics.parquet",
        comparisons=f"{RESULTS}/metrics/comparisons.parquet",
    log:
        f"{RESULTS}/logs/metrics.log",
    benchmark:
        f"{RESULTS}/benchmarks/metrics.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_of("compute_metrics.py"),
        settings=CONFIG.metrics.as_json(),
        swept=swept_methods(),
    message:
        "Compute Pass@k and Pass@k^(m)"
    shell:
        'python "$IBFT_SCRIPTS/compute_metrics.py" --pass-counts {input.pass_counts:q} --settings {params.settings:q}'
        " --swept {params.swept:q} --output {output.metrics:q} --comparisons {output.comparisons:q} --log {log:q}"


rule tables:
    input:
        metrics=rules.metrics.output.metrics,
    output:
        parquet=f"{RESULTS}/tables/headline.parquet",
        csv=report(f"{RESULTS}/tables/headline.csv", category="Tables"),
        markdown=f"{RESULTS}/tables/headline.md",
        latex=f"{RESULTS}/tables/headline.tex",
        paper_comparison=f"{RESULTS}/tables/paper_comparison.parquet",
        paper_comparison_texts=expand(
            f"{RESULTS}/tables/paper_comparison.{{kind}}", kind=["csv", "md"]
        ),
    log:
        f"{RESULTS}/logs/tables.log",
    benchmark:
        f"{RESULTS}/benchmarks/tables.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        code=code_of("write_tables.py"),
        labels=labels_as_json,
        settings=CONFIG.metrics.as_json(),
    message:
        "Write the tables"
    shell:
        'python "$IBFT_SCRIPTS/write_tables.py" --metrics {input.metrics:q} --labels {params.labels:q}'
        ' --settings {params.settings:q} --output-dir "$(dirname {output.parquet:q})" --log {log:q}'


rule paper_table:
    input:
        metrics=rules.metrics.output.metrics,
    output:
        markdown=f"{RESULTS}/tables/{{layout}}.md",
        latex=f"{RESULTS}/tables/{{layout}}.tex",
    log:
        f"{RESULTS}/logs/tables/{{layout}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/tables/{{layout}}.tsv"
    wildcard_constraints:
        layout=one_of(LAYOUTS),
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        code=code_of("write_paper_table.py"),
        labels=labels_as_json,
    message:
        "Fill the paper's {wildcards.layout}"
    shell:
        'python "$IBFT_SCRIPTS/write_paper_table.py" --layout {wildcards.layout} --metrics {input.metrics:q}'
        " --labels {params.labels:q} --output-markdown {output.markdown:q} --output-latex {output.latex:q} --log {log:q}"
