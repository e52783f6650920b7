# The sandbox runs every completion against the tests of its problem, which gives one verdict each. Before that, and before
# any model is trained or sampled, it runs the benchmark's own solutions: what these do not pass says nothing of a model.


rule measure_references:
    input:
        problems="<results>/problems/{benchmark}.parquet",
    output:
        references="<results>/references/{benchmark}.parquet",
    log:
        "<logs>/measure_references/{benchmark}.log",
    benchmark:
        "<benchmarks>/measure_references/{benchmark}.tsv"
    priority: FIRST
    conda:
        "../envs/execute.yaml"
    threads: 1  # one is free sooner than several are
    resources:
        **SMALL_JOB,
        **ALONE,
    params:
        code=code_of("measure_references.py"),
        job=GRAPH.measure_references().as_json(),
        tools=lambda wildcards: tools_here(wildcards.benchmark),
    shell:
        'python "$IBFT_SCRIPTS/measure_references.py" --job {params.job:q} --problems {input.problems:q}'
        " --workers {threads} --output {output.references:q} --log {log:q}"


rule execute:
    input:
        problems="<results>/problems/{benchmark}.parquet",
        samples="<results>/samples/<run>.parquet",
        references="<results>/references/{benchmark}.parquet",
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
        " --samples {input.samples:q} --references {input.references:q} --workers {threads} --tests-key {params.tests_key:q}"
        " --output {output.verdicts:q} --log {log:q}"
