# Min-K% Prob of every example tells how much of a dataset a model has memorized.


rule score_memorization:
    input:
        model="<results>/models/{model}/manifest.json",
        adapter=lambda wildcards: GRAPH.adapter(variant_of(wildcards)),
        examples=lambda wildcards: GRAPH.examples(wildcards.dataset),
    output:
        scores="<results>/memorization/<variant>/{scatteritem}.parquet",
    log:
        "<logs>/score_memorization/<variant>/{scatteritem}.log",
    benchmark:
        "<benchmarks>/score_memorization/<variant>/{scatteritem}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads
    resources:
        **MODEL_JOB,
    params:
        code=code_of("score_memorization.py"),
        job=lambda wildcards: GRAPH.score_memorization(wildcards.model).as_json(),
    shell:
        '{resources.launcher} "$IBFT_SCRIPTS/score_memorization.py" --job {params.job:q} --model {input.model:q}'
        " --adapter {input.adapter:q} --examples {input.examples:q} --shard {wildcards.scatteritem}"
        " --threads {threads} --output {output.scores:q} --log {log:q}"


# Scoring is shared by `memorization.shards` jobs; so is that of gradients.
rule gather_scores:
    input:
        examples=lambda wildcards: GRAPH.examples(wildcards.dataset),
        shards=lambda wildcards: (
            getattr(gather, wildcards.scores)(
                f"{CONFIG.results}/{wildcards.scores}/{wildcards.model}/{wildcards.dataset}"
                f"{wildcards.variant}/{{scatteritem}}.parquet"
            )
        ),
    output:
        scores="<results>/{scores}/{model}/{dataset}{variant}.parquet",
    log:
        "<logs>/gather_scores/{scores}/{model}/{dataset}{variant}.log",
    benchmark:
        "<benchmarks>/gather_scores/{scores}/{model}/{dataset}{variant}.tsv"
    wildcard_constraints:
        scores="memorization|gradients",
        dataset=r"[^/]+",
        variant=r"(/[^/]+/seed\d+)?",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("gather_scores.py"),
    shell:
        'python "$IBFT_SCRIPTS/gather_scores.py" --table {wildcards.scores} --examples {input.examples:q}'
        " --shards {input.shards:q} --output {output.scores:q} --log {log:q}"
