# The sandbox runs every completion against the tests of its problem, which gives one verdict each.


rule execute:
    input:
        problems="<results>/problems/{benchmark}.parquet",
        samples="<results>/samples/<run>.parquet",
    output:
        verdicts="<results>/verdicts/<run>.parquet",
    log:
        "<logs>/execute/<run>.log",
    benchmark:
        "<benchmarks>/execute/<run>.tsv"
    conda:
        "../envs/execute.yaml"
    threads: CONFIG.compute.execution_workers
    resources:
        **SMALL_JOB,
    params:
        code=code_of("execute.py"),
        job=lambda wildcards: GRAPH.execute(wildcards.method).as_json(),
        tests_key=f"{CONFIG.results}/.ibft/tests-key",
    shell:
        'python "$IBFT_SCRIPTS/execute.py" --job {params.job:q} --problems {input.problems:q}'
        " --samples {input.samples:q} --workers {threads} --tests-key {params.tests_key:q}"
        " --output {output.verdicts:q} --log {log:q}"
