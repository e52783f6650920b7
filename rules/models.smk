# Base models: fetched or converted once.


rule model:
    output:
        manifest=f"{RESULTS}/models/{{model}}/manifest.json",
    log:
        f"{RESULTS}/logs/models/{{model}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/models/{{model}}.tsv"
    localrule: True
    conda:
        "../envs/train.yaml"
    threads: 1
    resources:
        mem_mb=CONFIG.compute.memory_mb,
        runtime=CONFIG.compute.runtime_min,
    params:
        code=code_of("prepare_model.py"),
        settings=lambda wildcards: CONFIG.models[wildcards.model].as_json(
            without=("label", "precision")
        ),
    message:
        "Prepare model {wildcards.model}"
    shell:
        'python "$IBFT_SCRIPTS/prepare_model.py" --name {wildcards.model} --settings {params.settings:q}'
        " --memory-mb {resources.mem_mb}"
        ' --output "$(dirname {output.manifest:q})" --log {log:q}'
