# LoRA fine-tuning: FT and IB-FT, on all examples or on a selection.

# How it is run, not what comes out: as resources they rerun nothing, as `params` would.
TRAINING_LAUNCHER = (
    "python"
    if CONFIG.compute.processes == 1
    else f"python -m torch.distributed.run --standalone --nproc-per-node {CONFIG.compute.processes} --"
)
TRAINING_OPTIONS = " ".join(
    [
        *(
            [f"--deepspeed={shlex.quote(CONFIG.compute.deepspeed)}"]
            if CONFIG.compute.deepspeed
            else []
        ),
        *(
            [f"--wandb={shlex.quote(CONFIG.compute.wandb)}"]
            if CONFIG.compute.wandb
            else []
        ),
        *(["--tensorboard"] if CONFIG.compute.tensorboard else []),
    ]
)


rule training:
    input:
        model=f"{RESULTS}/models/{{model}}/manifest.json",
        examples=examples_of,
        kept=selection_of,
    output:
        adapter=f"{RESULTS}/training/{VARIANT}/adapter/manifest.json",
        training_log=f"{RESULTS}/training/{VARIANT}/training_log.parquet",
        training_speed=f"{RESULTS}/benchmarks/training/{VARIANT}/speed.csv",
    log:
        f"{RESULTS}/logs/training/{VARIANT}.log",
    benchmark:
        f"{RESULTS}/benchmarks/training/{VARIANT}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads * CONFIG.compute.processes
    resources:
        mem_mb=lambda wildcards, attempt: CONFIG.compute.memory_mb * attempt,
        runtime=lambda wildcards, attempt: CONFIG.compute.runtime_min * attempt,
        gpu=CONFIG.compute.gpus and max(CONFIG.compute.gpus, CONFIG.compute.processes),
        checkpoint_steps=CONFIG.compute.checkpoint_steps,
        launcher=TRAINING_LAUNCHER,
        options=TRAINING_OPTIONS,
    params:
        code=code_of("train.py"),
        method=lambda wildcards: CONFIG.methods[wildcards.method].as_json(
            without=("label", "selection", "sweep")
        ),
        layer=lambda wildcards: CONFIG.layer_index(
            wildcards.model, CONFIG.methods[wildcards.method].layer
        ),
        settings=lambda wildcards: training_of(wildcards).as_json(without=("seeds",)),
        profile=profile_of,
        precision=precision_of,
        kept=kept_option,
    message:
        "Train {wildcards.model} on {wildcards.dataset}: {wildcards.method}, seed {wildcards.seed}"
    shell:
        '{resources.launcher} "$IBFT_SCRIPTS/train.py" --model "$(dirname {input.model:q})" --examples {input.examples:q} {params.kept}'
        " --method {params.method:q} --layer {params.layer} --profile {params.profile}"
        " --settings {params.settings:q} --precision {params.precision} --seed {wildcards.seed}"
        ' --checkpoint-steps {resources.checkpoint_steps} --threads {threads} --output "$(dirname {output.adapter:q})"'
        " --training-log {output.training_log:q} --training-speed {output.training_speed:q} {resources.options} --log {log:q}"
