# Distances and angles tell where the most and the least memorized examples lie in layer l* (paper Figure 5).


rule measure_geometry:
    input:
        model="<results>/models/{model}/manifest.json",
        adapter=lambda wildcards: GRAPH.adapter(variant_of(wildcards)),
        examples=lambda wildcards: GRAPH.examples(wildcards.dataset),
        memorization="<results>/memorization/{model}/{dataset}/base/seed0.parquet",
    output:
        geometry="<results>/geometry/<variant>.parquet",
    log:
        "<logs>/measure_geometry/<variant>.log",
    benchmark:
        "<benchmarks>/measure_geometry/<variant>.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads
    resources:
        **MODEL_JOB,
    params:
        code=code_of("measure_geometry.py"),
        job=lambda wildcards: GRAPH.measure_geometry(wildcards.model).as_json(),
    shell:
        '{resources.launcher} "$IBFT_SCRIPTS/measure_geometry.py" --job {params.job:q} --model {input.model:q}'
        " --adapter {input.adapter:q} --examples {input.examples:q} --memorization {input.memorization:q}"
        " --threads {threads} --output {output.geometry:q} --log {log:q}"
