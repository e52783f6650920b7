# LoRA fine-tuning: FT and IB-FT, on all examples or on a selection.

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
        adapter="<results>/training/<variant>/adapter/manifest.json",
        training_log="<results>/training/<variant>/training_log.parquet",
        held_out="<results>/training/<variant>/held_out.parquet",
        training_speed="<benchmarks>/train/<variant>/speed.csv",
    log:
        "<logs>/train/<variant>.log",
    benchmark:
        "<benchmarks>/train/<variant>.tsv"
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
