# LoRA fine-tuning: FT and IB-FT, on all examples or on a selection. What was trained from equal inputs, `update` keeps.

# A launcher decides how training runs, not what comes out: as a resource it reruns nothing, as `params` would.
LAUNCHER = on_gpus(GRAPH.training_gpus()) + (
    ""
    if CONFIG.compute.processes == 1
    else f" -m torch.distributed.run --standalone --nproc-per-node {CONFIG.compute.processes} --"
)


rule train:
    input:
        model="<results>/models/{model}/manifest.json",
        examples=lambda wildcards: GRAPH.examples(wildcards.dataset),
        kept=lambda wildcards: GRAPH.kept(variant_of(wildcards)),
        held_out=lambda wildcards: GRAPH.held_out_examples(wildcards.dataset),
    output:
        adapter=update("<results>/training/<variant>/adapter/manifest.json"),
        training_log=update("<results>/training/<variant>/training_log.parquet"),
        held_out=update("<results>/training/<variant>/held_out.parquet"),
        training_speed=update("<benchmarks>/train/<variant>/speed.csv"),
    log:
        "<logs>/train/<variant>.log",
    benchmark:
        "<benchmarks>/train/<variant>.tsv"
    wildcard_constraints:
        method=one_of(GRAPH.trained_alone()),
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads * CONFIG.compute.processes
    resources:
        **(
            MODEL_JOB
            | dict(
                mem_mb=lambda wildcards, attempt: GRAPH.training_memory_mb() * attempt,
                gpu=GRAPH.training_gpus(),
                checkpoint_steps=CONFIG.compute.checkpoint_steps,
                launcher=LAUNCHER,
                options=lambda wildcards: shlex.join(
                    GRAPH.training_options(variant_of(wildcards))
                ),
            )
        ),
    params:
        code=code_of("train.py"),
        job=lambda wildcards: GRAPH.train(variant_of(wildcards)).as_json(),
        folder=subpath(output.adapter, parent=True),
    shell:
        '{resources.launcher} "$IBFT_SCRIPTS/train.py" --job {params.job:q} --model {input.model:q}'
        " --examples {input.examples:q} --kept {input.kept:q} --held-out {input.held_out:q}"
        " --held-out-nll {output.held_out:q} --checkpoint-steps {resources.checkpoint_steps}"
        " --threads {threads} {resources.options} --output {params.folder:q}"
        " --training-log {output.training_log:q} --training-speed {output.training_speed:q} --log {log:q}"


# Variants of one base whose tokens pass its weights at once. One that is added or changed is trained alone: the others
# are there.
for number, variants in enumerate(GRAPH.trained_together()):
    model, dataset = variants[0].model, variants[0].dataset

    rule:
        name:
            f"{TOGETHER_PREFIX}{number}"
        input:
            model=GRAPH.results.model(model),
            examples=GRAPH.examples(dataset),
            kept=[path for each in variants for path in GRAPH.kept(each)],
            held_out=GRAPH.held_out_examples(dataset),
        output:
            adapters=update([GRAPH.results.adapter(each) for each in variants]),
            training_logs=update(
                [GRAPH.results.training_log(each) for each in variants]
            ),
            held_out=update([GRAPH.results.held_out(each) for each in variants]),
            training_speeds=update(
                [f"<benchmarks>/train/{each}/speed.csv" for each in variants]
            ),
        log:
            f"<logs>/train/{model}/{dataset}/together{number}.log",
        benchmark:
            f"<benchmarks>/train/{model}/{dataset}/together{number}.tsv"
        conda:
            "../envs/train.yaml"
        threads: CONFIG.compute.threads
        resources:
            **(
                MODEL_JOB
                | dict(
                    mem_mb=lambda wildcards, attempt, count=len(variants): (
                        GRAPH.memory_together_mb(count) * attempt
                    ),
                    checkpoint_steps=CONFIG.compute.checkpoint_steps,
                )
            ),
        params:
            code=code_of("train.py"),
            jobs=[GRAPH.train(each).as_json() for each in variants],
            kept=[next(iter(GRAPH.kept(each)), "-") for each in variants],
            folders=[str(Path(GRAPH.results.adapter(each)).parent) for each in variants],
        shell:
            '{resources.launcher} "$IBFT_SCRIPTS/train.py" --job {params.jobs:q} --model {input.model:q}'
            " --examples {input.examples:q} --kept {params.kept:q} --held-out {input.held_out:q}"
            " --held-out-nll {output.held_out:q} --checkpoint-steps {resources.checkpoint_steps}"
            " --threads {threads} --output {params.folders:q} --training-log {output.training_logs:q}"
            " --training-speed {output.training_speeds:q} --log {log:q}"
