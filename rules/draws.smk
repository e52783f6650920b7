# All draws of one base model, by one start of the engine: every variant, benchmark, temperature and trial that is missing.
# Only with sampling.jobs_per_model. So many jobs share the problems of every benchmark, on as many GPUs or nodes.
# Finished draws lie beside the manifest, where a rerun finds them; `update` leaves the manifest until it is renewed.


rule draws:
    input:
        model=f"{RESULTS}/models/{{model}}/manifest.json",
        adapters=adapters_of_model,
        problems=problems_of_model,
    output:
        manifest=update(f"{RESULTS}/draws/{{model}}/{SHARD}/manifest.json"),
    log:
        f"{RESULTS}/logs/draws/{{model}}/{SHARD}.log",
    benchmark:
        f"{RESULTS}/benchmarks/draws/{{model}}/{SHARD}.tsv"
    conda:
        "../envs/sample.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=lambda wildcards, attempt: CONFIG.compute.memory_mb * attempt,
        runtime=CONFIG.compute.runtime_min,
        gpu=CONFIG.compute.gpus,
    params:
        code=code_of("draw.py"),
        tracks=draws_of_model,
        precision=precision_of,
    message:
        "Draw all samples of {wildcards.model}: job {wildcards.shard} of {wildcards.shards}"
    shell:
        'python "$IBFT_SCRIPTS/draw.py" --model $(dirname {input.model:q}) --tracks {params.tracks:q}'
        " --precision {params.precision} --shard {wildcards.shard} --shards {wildcards.shards} --threads {threads}"
        " --output $(dirname {output.manifest:q}) --log {log:q}"
