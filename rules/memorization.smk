# How much of a dataset a model has memorized (Min-K% Prob), how strongly each example pulls (GraNd, EL2N), and how the
# two go together. Scoring is shared by `shards` jobs, whose tables are put together afterwards.


rule memorization_shard:
    input:
        model=f"{RESULTS}/models/{{model}}/manifest.json",
        adapter=adapter_of,
        examples=examples_of,
    output:
        scores=f"{RESULTS}/memorization/{VARIANT}/{SHARD}.parquet",
    log:
        f"{RESULTS}/logs/memorization/{VARIANT}/{SHARD}.log",
    benchmark:
        f"{RESULTS}/benchmarks/memorization/{VARIANT}/{SHARD}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=lambda wildcards, attempt: CONFIG.compute.memory_mb * attempt,
        runtime=lambda wildcards, attempt: CONFIG.compute.runtime_min * attempt,
        gpu=CONFIG.compute.gpus,
    params:
        code=code_of("score_memorization.py"),
        settings=CONFIG.memorization.as_json(
            without=("k_selection", "reference", "score_methods", "shards")
        ),
        precision=precision_of,
        adapter=adapter_option,
    message:
        "Score Min-K% Prob of {wildcards.dataset} on {wildcards.model}"
        " ({wildcards.method}, seed {wildcards.seed}, shard {wildcards.shard} of {wildcards.shards})"
    shell:
        'python "$IBFT_SCRIPTS/score_memorization.py" --model "$(dirname {input.model:q})" {params.adapter}'
        " --examples {input.examples:q} --settings {params.settings:q} --precision {params.precision}"
        " --shard {wildcards.shard}/{wildcards.shards}"
        " --threads {threads} --output {output.scores:q} --log {log:q}"


rule memorization:
    input:
        examples=examples_of,
        shards=shard_paths(
            f"{RESULTS}/memorization/{VARIANT}", CONFIG.memorization.shards
        ),
    output:
        scores=f"{RESULTS}/memorization/{VARIANT}.parquet",
    log:
        f"{RESULTS}/logs/gathering/memorization/{VARIANT}.log",
    benchmark:
        f"{RESULTS}/benchmarks/gathering/memorization/{VARIANT}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_of("gather_scores.py"),
    message:
        "Gather Min-K% Prob of {wildcards.dataset} on {wildcards.model} ({wildcards.method}, seed {wildcards.seed})"
    shell:
        'python "$IBFT_SCRIPTS/gather_scores.py" --table memorization --examples {input.examples:q}'
        " --shards {input.shards:q} --output {output.scores:q} --log {log:q}"


rule gradients_shard:
    input:
        model=f"{RESULTS}/models/{{model}}/manifest.json",
        examples=examples_of,
    output:
        scores=f"{RESULTS}/gradients/{{model}}/{{dataset}}/{SHARD}.parquet",
    log:
        f"{RESULTS}/logs/gradients/{{model}}/{{dataset}}/{SHARD}.log",
    benchmark:
        f"{RESULTS}/benchmarks/gradients/{{model}}/{{dataset}}/{SHARD}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=lambda wildcards, attempt: CONFIG.compute.memory_mb * attempt,
        runtime=lambda wildcards, attempt: CONFIG.compute.runtime_min * attempt,
        gpu=CONFIG.compute.gpus,
    params:
        code=code_of("score_gradients.py"),
        settings=CONFIG.gradients.as_json(without=("shards",)),
        lora=lambda wildcards: training_of(wildcards).lora.as_json(),
        max_length=lambda wildcards: training_of(wildcards).max_length,
        learning_rate=lambda wildcards: training_of(wildcards).learning_rate,
        profile=profile_of,
        precision=precision_of,
        seed=CONFIG.seed,
    message:
        "Score GraNd and EL2N of {wildcards.dataset} on {wildcards.model}"
        " (shard {wildcards.shard} of {wildcards.shards})"
    shell:
        'python "$IBFT_SCRIPTS/score_gradients.py" --model "$(dirname {input.model:q})" --examples {input.examples:q}'
        " --profile {params.profile} --settings {params.settings:q} --lora {params.lora:q}"
        " --max-length {params.max_length} --learning-rate {params.learning_rate} --seed {params.seed}"
        " --precision {params.precision} --shard {wildcards.shard}/{wildcards.shards}"
        " --threads {threads} --output {output.scores:q} --log {log:q}"


rule gradients:
    input:
        examples=examples_of,
        shards=shard_paths(
            f"{RESULTS}/gradients/{{model}}/{{dataset}}", CONFIG.gradients.shards
        ),
    output:
        scores=f"{RESULTS}/gradients/{{model}}/{{dataset}}.parquet",
    log:
        f"{RESULTS}/logs/gathering/gradients/{{model}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/gathering/gradients/{{model}}/{{dataset}}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_of("gather_scores.py"),
    message:
        "Gather GraNd and EL2N of {wildcards.dataset} on {wildcards.model}"
    shell:
        'python "$IBFT_SCRIPTS/gather_scores.py" --table gradients --examples {input.examples:q}'
        " --shards {input.shards:q} --output {output.scores:q} --log {log:q}"


rule gradient_imbalance:
    input:
        gradients=rules.gradients.output.scores,
        memorization=f"{RESULTS}/memorization/{{model}}/{{dataset}}/base/seed0.parquet",
    output:
        deciles=f"{RESULTS}/gradient_imbalance/{{model}}/{{dataset}}/deciles.parquet",
        correlations=f"{RESULTS}/gradient_imbalance/{{model}}/{{dataset}}/correlations.parquet",
    log:
        f"{RESULTS}/logs/gradient_imbalance/{{model}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/gradient_imbalance/{{model}}/{{dataset}}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_of("relate_gradients.py"),
        k=CONFIG.memorization.k_selection,
    message:
        "Relate gradient norms to memorization: {wildcards.dataset} on {wildcards.model}"
    shell:
        'python "$IBFT_SCRIPTS/relate_gradients.py" --gradients {input.gradients:q} --memorization {input.memorization:q}'
        " --k {params.k} --output {output.deciles:q} --correlations {output.correlations:q} --log {log:q}"
