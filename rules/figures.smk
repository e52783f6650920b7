# Every figure as PNG and SVG: of the whole run, and of one model on one dataset.


rule run_figure:
    input:
        tables=lambda wildcards: list(run_figure_inputs(wildcards).values()),
        verdicts=lambda wildcards: (
            draw_paths("verdicts") if needs_verdicts(wildcards) else []
        ),
    output:
        png=f"{RESULTS}/figures/{{figure}}.png",
        svg=report(
            f"{RESULTS}/figures/{{figure}}.svg",
            category="Figures",
            labels={"figure": "{figure}", "of": "all"},
        ),
    log:
        f"{RESULTS}/logs/figures/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/{{figure}}.tsv"
    wildcard_constraints:
        figure=one_of(RUN_FIGURES),
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_of_figure,
        inputs=lambda wildcards: as_options(run_figure_inputs(wildcards)),
        verdicts=lambda wildcards: (
            f"verdicts={RESULTS}/verdicts" if needs_verdicts(wildcards) else ""
        ),
        labels=labels_as_json,
        settings=settings_of_figure,
    message:
        "Draw {wildcards.figure}"
    shell:
        'python "$IBFT_SCRIPTS/draw_figures.py" --figure {wildcards.figure} --input {params.inputs} {params.verdicts:q}'
        " --settings {params.settings:q} --labels {params.labels:q}"
        " --output-png {output.png:q} --output-svg {output.svg:q} --log {log:q}"


rule pair_figure:
    input:
        tables=lambda wildcards: list(pair_figure_inputs(**wildcards).values()),
    output:
        png=f"{RESULTS}/figures/{{model}}/{{dataset}}/{{figure}}.png",
        svg=report(
            f"{RESULTS}/figures/{{model}}/{{dataset}}/{{figure}}.svg",
            category="Figures",
            labels={"figure": "{figure}", "of": "{dataset} on {model}"},
        ),
    log:
        f"{RESULTS}/logs/figures/{{model}}/{{dataset}}/{{figure}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/figures/{{model}}/{{dataset}}/{{figure}}.tsv"
    wildcard_constraints:
        figure=one_of(PAIR_FIGURES),
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_of_figure,
        inputs=lambda wildcards: as_options(pair_figure_inputs(**wildcards)),
        labels=labels_as_json,
        settings=settings_of_figure,
        subject=lambda wildcards: f"{LABELS.model(wildcards.model)}, {LABELS.dataset(wildcards.dataset)}",
    message:
        "Draw {wildcards.figure} of {wildcards.dataset} on {wildcards.model}"
    shell:
        'python "$IBFT_SCRIPTS/draw_figures.py" --figure {wildcards.figure} --input {params.inputs}'
        " --settings {params.settings:q} --labels {params.labels:q} --subject={params.subject:q}"
        " --output-png {output.png:q} --output-svg {output.svg:q} --log {log:q}"
