# A figure is drawn as PNG and SVG: of a target, or of one model on one dataset.


rule draw_figure:
    input:
        lambda wildcards: GRAPH.figure_tables(**wildcards),
    output:
        png="<results>/figures/{subject}/{figure}.png",
        svg=report(
            "<results>/figures/{subject}/{figure}.svg",
            category="Figures",
            labels={"figure": "{figure}", "of": "{subject}"},
        ),
    log:
        "<logs>/draw_figure/{subject}/{figure}.log",
    benchmark:
        "<benchmarks>/draw_figure/{subject}/{figure}.tsv"
    wildcard_constraints:
        subject="[^/]+(/[^/]+)?",
        figure="[a-z_]+",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of_figure,
        job=lambda wildcards: GRAPH.draw_figure(**wildcards).as_json(),
        inputs=lambda wildcards: as_options(GRAPH.figure_inputs(**wildcards)),
    shell:
        'python "$IBFT_SCRIPTS/draw_figure.py" --job {params.job:q} --input {params.inputs}'
        " --output-png {output.png:q} --output-svg {output.svg:q} --log {log:q}"
