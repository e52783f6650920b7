# A selection keeps the examples that a method is trained on: the least memorized, those of the highest gradient norms, or
# random ones, the control.


rule select_examples:
    input:
        examples=lambda wildcards: GRAPH.examples(wildcards.dataset),
        scores=lambda wildcards: (
            GRAPH.scores_to_select_by(wildcards.model, wildcards.dataset, wildcards.by)
        ),
    output:
        kept="<results>/selection/{model}/{dataset}/{by}-keep{keep}.parquet",
    log:
        "<logs>/select_examples/{model}/{dataset}/{by}-keep{keep}.log",
    benchmark:
        "<benchmarks>/select_examples/{model}/{dataset}/{by}-keep{keep}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("select_examples.py"),
        job=lambda wildcards: (
            GRAPH.select_examples(wildcards.by, wildcards.keep).as_json()
        ),
    shell:
        'python "$IBFT_SCRIPTS/select_examples.py" --job {params.job:q} --examples {input.examples:q}'
        " --scores {input.scores:q} --output {output.kept:q} --log {log:q}"
