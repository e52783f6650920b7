# Gradient scores tell how strongly each example pulls on the model (GraNd, EL2N); one rule relates them to memorization.


rule score_gradients:
    input:
        model="<results>/models/{model}/manifest.json",
        examples=lambda wildcards: GRAPH.examples(wildcards.dataset),
    output:
        scores="<results>/gradients/{model}/{dataset}/{scatteritem}.parquet",
    log:
        "<logs>/score_gradients/{model}/{dataset}/{scatteritem}.log",
    benchmark:
        "<benchmarks>/score_gradients/{model}/{dataset}/{scatteritem}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads
    resources:
        **MODEL_JOB,
    params:
        code=code_of("score_gradients.py"),
        job=lambda wildcards: (
            GRAPH.score_gradients(wildcards.model, wildcards.dataset).as_json()
        ),
    shell:
        '{resources.launcher} "$IBFT_SCRIPTS/score_gradients.py" --job {params.job:q} --model {input.model:q}'
        " --examples {input.examples:q} --shard {wildcards.scatteritem}"
        " --threads {threads} --output {output.scores:q} --log {log:q}"


rule relate_gradients:
    input:
        gradients="<results>/gradients/{model}/{dataset}.parquet",
        memorization="<results>/memorization/{model}/{dataset}/base/seed0.parquet",
    output:
        deciles="<results>/gradient_imbalance/{model}/{dataset}/deciles.parquet",
        correlations="<results>/gradient_imbalance/{model}/{dataset}/correlations.parquet",
    log:
        "<logs>/relate_gradients/{model}/{dataset}.log",
    benchmark:
        "<benchmarks>/relate_gradients/{model}/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("relate_gradients.py"),
        job=lambda wildcards: GRAPH.relate_gradients().as_json(),
    shell:
        'python "$IBFT_SCRIPTS/relate_gradients.py" --job {params.job:q} --gradients {input.gradients:q}'
        " --memorization {input.memorization:q} --output {output.deciles:q} --correlations {output.correlations:q}"
        " --log {log:q}"
