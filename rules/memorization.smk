# How much of a dataset a model has memorized (Min-K% Prob), and how strongly each example pulls (GraNd, EL2N).


rule memorization:
    input:
        model=f"{RESULTS}/models/{{model}}/manifest.json",
        adapter=adapter_of,
        examples=f"{RESULTS}/examples/{{dataset}}.parquet",
    output:
        scores=f"{RESULTS}/memorization/{VARIANT}.parquet",
    log:
        f"{RESULTS}/logs/memorization/{VARIANT}.log",
    benchmark:
        f"{RESULTS}/benchmarks/memorization/{VARIANT}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=lambda wildcards, attempt: CONFIG.compute.memory_mb * attempt,
        runtime=CONFIG.compute.runtime_min,
        gpu=CONFIG.compute.gpus,
    params:
        code=code_of("score_memorization.py"),
        settings=as_json(
            CONFIG.memorization, without=("k_selection", "reference", "score_methods")
        ),
        precision=precision_of,
        adapter=adapter_option,
    message:
        "Score Min-K% Prob of {wildcards.dataset} on {wildcards.model} ({wildcards.method}, seed {wildcards.seed})"
    shell:
        'python "$IBFT_SCRIPTS/score_memorization.py" --model $(dirname {input.model:q}) {params.adapter}'
        " --examples {input.examples:q} --settings {params.settings:q} --precision {params.precision}"
        " --threads {threads} --output {output.scores:q} --log {log:q}"


rule gradients:
    input:
        model=f"{RESULTS}/models/{{model}}/manifest.json",
        examples=f"{RESULTS}/examples/{{dataset}}.parquet",
    output:
        scores=f"{RESULTS}/gradients/{{model}}/{{dataset}}.parquet",
    log:
        f"{RESULTS}/logs/gradients/{{model}}/{{dataset}}.log",
    benchmark:
        f"{RESULTS}/benchmarks/gradients/{{model}}/{{dataset}}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=lambda wildcards, attempt: CONFIG.compute.memory_mb * attempt,
        runtime=CONFIG.compute.runtime_min,
        gpu=CONFIG.compute.gpus,
    params:
        code=code_of("score_gradients.py"),
        settings=as_json(CONFIG.gradients),
        lora=lambda wildcards: as_json(training_of(wildcards).lora),
        max_length=lambda wildcards: training_of(wildcards).max_length,
        learning_rate=lambda wildcards: training_of(wildcards).learning_rate,
        profile=profile_of,
        precision=precision_of,
        seed=CONFIG.seed,
    message:
        "Score GraNd and EL2N of {wildcards.dataset} on {wildcards.model}"
    shell:
        'python "$IBFT_SCRIPTS/score_gradients.py" --model $(dirname {input.model:q}) --examples {input.examples:q}'
        " --profile {params.profile} --settings {params.settings:q} --lora {params.lora:q}"
        " --max-length {params.max_length} --learning-rate {params.learning_rate} --seed {params.seed}"
        " --precision {params.precision} --threads {threads} --output {output.scores:q} --log {log:q}"
