# Yosys synthesizes what has passed, and the problems' own solutions beside it: cells and area, which change no verdict.


rule synthesize:
    input:
        problems="<results>/problems/{benchmark}.parquet",
        verdicts="<results>/verdicts/<run>.parquet",
    output:
        synthesis="<results>/synthesis/<run>.parquet",
    log:
        "<logs>/synthesize/<run>.log",
    benchmark:
        "<benchmarks>/synthesize/<run>.tsv"
    conda:
        "../envs/synthesize.yaml"
    threads: CONFIG.compute.execution_workers
    resources:
        mem_mb=lambda wildcards, attempt: GRAPH.synthesis_memory_mb() * attempt,
        runtime=60,
    params:
        code=code_of("synthesize.py"),
        job=lambda wildcards: GRAPH.synthesize().as_json(),
        tools=lambda wildcards: yosys_here(),
        cells=lambda wildcards: content_of(GRAPH.synthesize().liberty or ""),
    shell:
        'python "$IBFT_SCRIPTS/synthesize.py" --job {params.job:q} --problems {input.problems:q}'
        " --verdicts {input.verdicts:q} --workers {threads} --output {output.synthesis:q} --log {log:q}"
