# Everything that a run needs from the network, fetched and checked: on a login node, before compute nodes work offline.

PREFETCHED_MODELS = {
    name: f"{RESULTS}/models/{name}/manifest.json" for name in CONFIG.in_use("models")
}
PREFETCHED_DATASETS = tables_by_name("examples", DATASETS)


rule prefetch:
    input:
        models=list(PREFETCHED_MODELS.values()),
        datasets=list(PREFETCHED_DATASETS.values()),
        problems=list(tables_by_name("problems", BENCHMARKS).values()),
    output:
        pins=f"{RESULTS}/pins.yaml",
    log:
        f"{RESULTS}/logs/prefetch.log",
    benchmark:
        f"{RESULTS}/benchmarks/prefetch.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=1000,
        runtime=30,
    params:
        code=code_of("write_pins.py"),
        models=as_options(
            {name: str(Path(path).parent) for name, path in PREFETCHED_MODELS.items()}
        ),
        datasets=as_options(PREFETCHED_DATASETS),
    message:
        "Everything from the network is here; its commits are in {output.pins}"
    shell:
        'python "$IBFT_SCRIPTS/write_pins.py" --models {params.models} --datasets {params.datasets}'
        " --output {output.pins:q} --log {log:q}"
