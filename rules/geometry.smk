# Where the most and the least memorized examples lie in layer l* (paper Figure 5).


rule geometry:
    input:
        model=f"{RESULTS}/models/{{model}}/manifest.json",
        adapter=adapter_of,
        examples=examples_of,
        memorization=f"{RESULTS}/memorization/{{model}}/{{dataset}}/base/seed0.parquet",
    output:
        geometry=f"{RESULTS}/geometry/{VARIANT}.parquet",
    log:
        f"{RESULTS}/logs/geometry/{VARIANT}.log",
    benchmark:
        f"{RESULTS}/benchmarks/geometry/{VARIANT}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=lambda wildcards, attempt: CONFIG.compute.memory_mb * attempt,
        runtime=lambda wildcards, attempt: CONFIG.compute.runtime_min * attempt,
        gpu=CONFIG.compute.gpus,
    params:
        code=code_of("measure_geometry.py"),
        settings=CONFIG.geometry.as_json(without=("methods", "layer")),
        layer=lambda wildcards: CONFIG.layer_index(
            wildcards.model, CONFIG.geometry.layer
        ),
        k=CONFIG.memorization.k_selection,
        batch_tokens=CONFIG.memorization.batch_tokens,
        max_length=CONFIG.memorization.max_length,
        precision=precision_of,
        adapter=adapter_option,
        seed=CONFIG.seed,
    message:
        "Measure the geometry of {wildcards.dataset} in {wildcards.model} ({wildcards.method}, seed {wildcards.seed})"
    shell:
        'python "$IBFT_SCRIPTS/measure_geometry.py" --model "$(dirname {input.model:q})" {params.adapter}'
        " --examples {input.examples:q} --memorization {input.memorization:q} --k {params.k}"
        " --layer {params.layer} --settings {params.settings:q} --batch-tokens {params.batch_tokens}"
        " --max-length {params.max_length}"
        " --seed {params.seed} --precision {params.precision} --threads {threads}"
        " --output {output.geometry:q} --log {log:q}"
