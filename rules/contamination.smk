# Fine-tuning examples may overlap with the problems that they would be tested on. One rule measures that; another, if so
# configured, drops such examples.


rule measure_contamination:
    input:
        examples="<results>/examples/{dataset}.parquet",
        problems="<results>/problems/{benchmark}.parquet",
    output:
        overlaps="<results>/contamination/{dataset}/{benchmark}.parquet",
    log:
        "<logs>/measure_contamination/{dataset}/{benchmark}.log",
    benchmark:
        "<benchmarks>/measure_contamination/{dataset}/{benchmark}.tsv"
    priority: FIRST  # who trains on a benchmark hears of it before the training
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
        **ALONE,
    params:
        code=code_of("measure_contamination.py"),
        job=lambda wildcards: GRAPH.measure_contamination().as_json(),
    shell:
        'python "$IBFT_SCRIPTS/measure_contamination.py" --job {params.job:q} --examples {input.examples:q}'
        " --problems {input.problems:q} --output {output.overlaps:q} --log {log:q}"


rule drop_contaminated:
    input:
        examples="<results>/examples/{dataset}.parquet",
        contamination=lambda wildcards: GRAPH.contamination(wildcards.dataset),
    output:
        examples="<results>/decontaminated/{dataset}.parquet",
    log:
        "<logs>/drop_contaminated/{dataset}.log",
    benchmark:
        "<benchmarks>/drop_contaminated/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("drop_contaminated.py"),
    shell:
        'python "$IBFT_SCRIPTS/drop_contaminated.py" --examples {input.examples:q}'
        " --contamination {input.contamination:q} --output {output.examples:q} --log {log:q}"
