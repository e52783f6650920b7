# A barrier in vitro: bases that were shown a known part of the data, and what fine-tuning reaches from each.


# The rule `train` trains the exposure as it does every variant; this one merges the adapter into the base's weights.
rule expose_model:
    input:
        model=lambda wildcards: GRAPH.results.model(
            GRAPH.exposure(wildcards.model).model
        ),
        adapter=lambda wildcards: GRAPH.results.adapter(GRAPH.exposure(wildcards.model)),
        examples=lambda wildcards: GRAPH.examples(
            GRAPH.exposure(wildcards.model).dataset
        ),
    output:
        manifest="<results>/models/{model}/manifest.json",
        membership="<results>/membership/{model}.parquet",
    log:
        "<logs>/expose_model/{model}.log",
    benchmark:
        "<benchmarks>/expose_model/{model}.tsv"
    wildcard_constraints:
        model=one_of(CONFIG.exposures),
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=CONFIG.compute.memory_mb,
        runtime=CONFIG.compute.runtime_min,
    params:
        code=code_of("expose_model.py"),
        job=lambda wildcards: GRAPH.expose_model(wildcards.model).as_json(),
        folder=subpath(output.manifest, parent=True),
    shell:
        'python "$IBFT_SCRIPTS/expose_model.py" --job {params.job:q} --model {input.model:q}'
        " --adapter {input.adapter:q} --examples {input.examples:q} --membership {output.membership:q}"
        " --output {params.folder:q} --log {log:q}"


rule measure_nll:
    input:
        model="<results>/models/{model}/manifest.json",
        adapter=lambda wildcards: GRAPH.adapter(variant_of(wildcards)),
        examples=lambda wildcards: list(
            GRAPH.measured_on(wildcards.model, wildcards.dataset).values()
        ),
    output:
        nll="<results>/nll/<variant>.parquet",
    log:
        "<logs>/measure_nll/<variant>.log",
    benchmark:
        "<benchmarks>/measure_nll/<variant>.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads
    resources:
        **MODEL_JOB,
    params:
        code=code_of("measure_nll.py"),
        job=lambda wildcards: (
            GRAPH.measure_nll(wildcards.model, wildcards.dataset).as_json()
        ),
        examples=lambda wildcards: as_options(
            GRAPH.measured_on(wildcards.model, wildcards.dataset)
        ),
    shell:
        '{resources.launcher} "$IBFT_SCRIPTS/measure_nll.py" --job {params.job:q} --model {input.model:q}'
        " --adapter {input.adapter:q} --examples {params.examples} --threads {threads}"
        " --output {output.nll:q} --log {log:q}"


# Known membership tells which score of memorization sees it.
rule detect_members:
    input:
        examples=lambda wildcards: GRAPH.examples(CONFIG.barrier.dataset),
        membership=lambda wildcards: GRAPH.results.membership(CONFIG.barrier.exposed),
        memorization=lambda wildcards: list(GRAPH.scores_of_bases().values()),
    output:
        detection="<results>/barrier/detection.parquet",
        roc="<results>/barrier/roc.parquet",
    log:
        "<logs>/detect_members.log",
    benchmark:
        "<benchmarks>/detect_members.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("detect_members.py"),
        job=lambda wildcards: GRAPH.detect_members().as_json(),
        memorization=lambda wildcards: as_options(GRAPH.scores_of_bases()),
    shell:
        'python "$IBFT_SCRIPTS/detect_members.py" --job {params.job:q} --examples {input.examples:q}'
        " --membership {input.membership:q} --memorization {params.memorization}"
        " --detection {output.detection:q} --roc {output.roc:q} --log {log:q}"


# Differences of the arms from both bases, paired by example and training seed.
rule estimate_barrier:
    input:
        lambda wildcards: list(GRAPH.nll_of_arms().values()),
    output:
        arms="<results>/barrier/arms.parquet",
        estimands="<results>/barrier/estimands.parquet",
        markdown="<results>/tables/all/barrier.md",
    log:
        "<logs>/estimate_barrier.log",
    benchmark:
        "<benchmarks>/estimate_barrier.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("estimate_barrier.py"),
        job=lambda wildcards: GRAPH.estimate_barrier().as_json(),
        nll=lambda wildcards: as_options(GRAPH.nll_of_arms()),
    shell:
        'python "$IBFT_SCRIPTS/estimate_barrier.py" --job {params.job:q} --nll {params.nll}'
        " --arms {output.arms:q} --estimands {output.estimands:q} --markdown {output.markdown:q} --log {log:q}"
