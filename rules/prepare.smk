# Base models, fine-tuning examples and benchmark problems: generated here, from files, or from the hub. They run where
# Snakemake runs, because compute nodes may have no network.


rule prepare_model:
    output:
        manifest="<results>/models/{model}/manifest.json",
    log:
        "<logs>/prepare_model/{model}.log",
    benchmark:
        "<benchmarks>/prepare_model/{model}.tsv"
    wildcard_constraints:
        model=one_of(set(CONFIG.models) - set(CONFIG.exposures)),
    localrule: True
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=CONFIG.compute.memory_mb,
        runtime=CONFIG.compute.runtime_min,
    params:
        code=code_of("prepare_model.py"),
        job=lambda wildcards: GRAPH.prepare_model(wildcards.model).as_json(),
        folder=subpath(output.manifest, parent=True),
    shell:
        'python "$IBFT_SCRIPTS/prepare_model.py" --job {params.job:q} --memory-mb {resources.mem_mb}'
        " --output {params.folder:q} --log {log:q}"


# A LoRA adapter that somebody else has trained, judged as one more method.
rule prepare_adapter:
    input:
        model="<results>/models/{model}/manifest.json",
    output:
        adapter="<results>/adapters/{model}/{method}/manifest.json",
    log:
        "<logs>/prepare_adapter/{model}/{method}.log",
    benchmark:
        "<benchmarks>/prepare_adapter/{model}/{method}.tsv"
    wildcard_constraints:
        method=one_of(name for name, own in CONFIG.methods.items() if own.adapter),
    localrule: True
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=CONFIG.compute.memory_mb,
        runtime=CONFIG.compute.runtime_min,
    params:
        code=code_of("prepare_adapter.py"),
        job=lambda wildcards: GRAPH.prepare_adapter(wildcards.method).as_json(),
        content=lambda wildcards: content_of(CONFIG.methods[wildcards.method].adapter),
        folder=subpath(output.adapter, parent=True),
    shell:
        'python "$IBFT_SCRIPTS/prepare_adapter.py" --job {params.job:q} --model {input.model:q}'
        " --output {params.folder:q} --log {log:q}"


rule prepare_dataset:
    output:
        "<results>/examples/{dataset}.parquet",
    log:
        "<logs>/prepare_dataset/{dataset}.log",
    benchmark:
        "<benchmarks>/prepare_dataset/{dataset}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("prepare_dataset.py"),
        job=lambda wildcards: GRAPH.prepare_dataset(wildcards.dataset).as_json(),
        python=lambda wildcards: (
            platform.python_version()
            if GRAPH.is_of_this_python(wildcards.dataset)
            else "any"
        ),
        content=lambda wildcards: "".join(
            map(content_of, GRAPH.sources_of(wildcards.dataset))
        ),
    shell:
        'python "$IBFT_SCRIPTS/prepare_dataset.py" --job {params.job:q} --output {output:q} --log {log:q}'


rule prepare_benchmark:
    output:
        "<results>/problems/{benchmark}.parquet",
    log:
        "<logs>/prepare_benchmark/{benchmark}.log",
    benchmark:
        "<benchmarks>/prepare_benchmark/{benchmark}.tsv"
    priority: FIRST
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
        **ALONE,
    params:
        code=code_of("prepare_benchmark.py"),
        job=lambda wildcards: GRAPH.prepare_benchmark(wildcards.benchmark).as_json(),
        content=lambda wildcards: content_of(
            CONFIG.benchmarks[wildcards.benchmark].source
        ),
    shell:
        'python "$IBFT_SCRIPTS/prepare_benchmark.py" --job {params.job:q} --output {output:q} --log {log:q}'


rule prefetch:
    input:
        models=list(GRAPH.prefetched_models().values()),
        adapters=list(GRAPH.prefetched_adapters().values()),
        datasets=list(GRAPH.prefetched_datasets().values()),
        problems=[GRAPH.results.problems(name) for name in GRAPH.benchmarks],
        contamination=list(GRAPH.prefetched_contamination().values()),
    output:
        pins="<results>/pins.yaml",
    log:
        "<logs>/prefetch.log",
    benchmark:
        "<benchmarks>/prefetch.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("prefetch.py"),
        models=as_options(GRAPH.prefetched_models()),
        adapters=as_options(GRAPH.prefetched_adapters()),
        datasets=as_options(GRAPH.prefetched_datasets()),
        contamination=as_options(GRAPH.prefetched_contamination()),
    shell:
        'python "$IBFT_SCRIPTS/prefetch.py" --models {params.models} --adapters {params.adapters}'
        " --datasets {params.datasets} --contamination {params.contamination}"
        " --output {output.pins:q} --log {log:q}"
