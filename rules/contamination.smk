# Which fine-tuning examples overlap with the problems that they would be tested on, and, if so configured, the datasets
# without them.


rule contamination:
    input:
        examples=f"{RESULTS}/examples/{{dataset}}.parquet",
        problems=f"{RESULTS}/problems/{{benchmark}}.parquet",
    output:
        overlaps=f"{RESULTS}/contamination/{{dataset}}/{{benchmark}}.parquet",
    log:
        f"{RESULTS}/logs/contamination/{{dataset}}/{{benchmark}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/contamination/{{dataset}}/{{benchmark}}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=60,
    params:
        code=code_of("measure_contamination.py"),
        settings=CONFIG.contamination.as_json(without=("drop",)),
    message:
        "Measure the overlap of {wildcards.dataset} with {wildcards.benchmark}"
    shell:
        'python "$IBFT_SCRIPTS/measure_contamination.py" --examples {input.examples:q} --problems {input.problems:q}'
        " --settings {params.settings:q} --output {output.overlaps:q} --log {log:q}"


rule decontaminated:
    input:
        examples=f"{RESULTS}/examples/{{dataset}}.parquet",
        contamination=contamination_of,
    output:
        examples=f"{RESULTS}/decontaminated/{{dataset}}.parquet",
    log:
        f"{RESULTS}/logs/decontaminated/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/decontaminated/{{dataset}}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_of("drop_contaminated.py"),
    message:
        "Drop the examples of {wildcards.dataset} that overlap with a benchmark"
    shell:
        'python "$IBFT_SCRIPTS/drop_contaminated.py" --examples {input.examples:q}'
        " --contamination {input.contamination:q} --output {output.examples:q} --log {log:q}"
