# All draws of one base model, by one start of the engine: every variant, benchmark, temperature and trial that is missing.
# Only with sampling.jobs_per_model. So many jobs share the problems of every benchmark, on as many GPUs or nodes.
# What is drawn lies in journals beside the outputs, which only say that it is complete; `update` leaves the older ones.
# One rule per model, because the outputs of each are other draws.

for _model in CONFIG.in_use("models") if CONFIG.sampling.jobs_per_model else ():

    rule:
        name:
            f"draws_{_model}"
        input:
            model=f"{RESULTS}/models/{_model}/manifest.json",
            adapters=adapters_of_model(_model),
            problems=problems_of_model(_model),
        output:
            complete=update(complete_draws_of_model(_model)),
        log:
            f"{RESULTS}/logs/draws/{_model}/{SHARD}.log",
        benchmark:
            f"{RESULTS}/benchmarks/draws/{_model}/{SHARD}.tsv"
        conda:
            "../envs/sample.yaml"
        threads: CONFIG.compute.threads
        resources:
            mem_mb=lambda wildcards, attempt: CONFIG.compute.memory_mb * attempt,
            runtime=lambda wildcards, attempt: CONFIG.compute.runtime_min * attempt,
            gpu=CONFIG.compute.gpus,
        params:
            folder=f"{RESULTS}/draws/{_model}/{SHARD}",
            tracks=draws_of_model(_model),
            precision=CONFIG.models[_model].precision,
        message:
            "Draw what is missing of a model's samples: job {wildcards.shard} of {wildcards.shards}"
        shell:
            'python "$IBFT_SCRIPTS/draw.py" --model "$(dirname {input.model:q})" --tracks {params.tracks:q}'
            " --precision {params.precision} --shard {wildcards.shard} --shards {wildcards.shards} --threads {threads}"
            " --output {params.folder:q} --complete {output.complete:q} --log {log:q}"
