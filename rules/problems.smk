# Benchmark problems with their tests.


rule problems:
    output:
        f"{RESULTS}/problems/{{benchmark}}.parquet",
    log:
        f"{RESULTS}/logs/problems/{{benchmark}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/problems/{{benchmark}}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        code=code_of("prepare_benchmark.py"),
        settings=lambda wildcards: CONFIG.benchmarks[wildcards.benchmark].as_json(
            without=("label",)
        ),
    message:
        "Prepare benchmark {wildcards.benchmark}"
    shell:
        'python "$IBFT_SCRIPTS/prepare_benchmark.py" --settings {params.settings:q} --output {output:q} --log {log:q}'
