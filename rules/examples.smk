# Fine-tuning examples: generated here, from the hub, or from a file.


rule examples:
    output:
        f"{RESULTS}/examples/{{dataset}}.parquet",
    log:
        f"{RESULTS}/logs/examples/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/examples/{{dataset}}.tsv"
    localrule: True
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        code=code_of("prepare_dataset.py"),
        settings=lambda wildcards: CONFIG.datasets[wildcards.dataset].as_json(
            without=("label",)
        ),
        python=python_of,
    message:
        "Prepare dataset {wildcards.dataset}"
    shell:
        'python "$IBFT_SCRIPTS/prepare_dataset.py" --settings {params.settings:q} --output {output:q} --log {log:q}'
