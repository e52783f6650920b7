# Some examples are never trained on. Settings are chosen by their negative log-likelihood, which training takes.


rule hold_out:
    input:
        examples=lambda wildcards: GRAPH.usable_examples(wildcards.dataset),
    output:
        training="<results>/split/{dataset}/training.parquet",
        held_out="<results>/split/{dataset}/held_out.parquet",
    log:
        "<logs>/hold_out/{dataset}.log",
    benchmark:
        "<benchmarks>/hold_out/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("hold_out.py"),
        job=lambda wildcards: GRAPH.hold_out().as_json(),
    shell:
        'python "$IBFT_SCRIPTS/hold_out.py" --job {params.job:q} --examples {input.examples:q}'
        " --training {output.training:q} --held-out {output.held_out:q} --log {log:q}"
