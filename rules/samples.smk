# n completions of every problem in every trial, for one variant and temperature: one start of the engine for all trials.
# `update` leaves finished trials where they are, so that more trials draw only what is new.


rule samples:
    input:
        model=f"{RESULTS}/models/{{model}}/manifest.json",
        adapter=adapter_of,
        problems=f"{RESULTS}/problems/{{benchmark}}.parquet",
    output:
        samples=update(
            expand(
                f"{RESULTS}/samples/{DRAWS}/trial{{trial}}.parquet",
                trial=range(CONFIG.sampling.trials),
                allow_missing=True,
            )
        ),
    log:
        f"{RESULTS}/logs/samples/{DRAWS}.log",
    benchmark:
        f"{RESULTS}/benchmarks/samples/{DRAWS}.tsv"
    conda:
        "../envs/sample.yaml"
    threads: CONFIG.compute.threads
    resources:
        mem_mb=lambda wildcards, attempt: CONFIG.compute.memory_mb * attempt,
        runtime=CONFIG.compute.runtime_min,
        gpu=CONFIG.compute.gpus,
    params:
        code=code_of("sample.py"),
        settings=lambda wildcards: as_json(
            sampling_of(wildcards), without=("temperatures", "trials")
        ),
        profile=profile_of,
        precision=precision_of,
        adapter=adapter_option,
        variant="{model}/{dataset}/{method}/seed{seed}",
    message:
        "Sample {wildcards.benchmark} from {wildcards.model}/{wildcards.dataset}/{wildcards.method}, T = {wildcards.temperature}"
    shell:
        'python "$IBFT_SCRIPTS/sample.py" --model "$(dirname {input.model:q})" {params.adapter} --problems {input.problems:q}'
        " --profile {params.profile} --settings {params.settings:q} --precision {params.precision}"
        " --variant {wildcards.model}/{wildcards.dataset}/{wildcards.method}/seed{wildcards.seed}"
        " --benchmark {wildcards.benchmark} --temperature {wildcards.temperature}"
        " --threads {threads} --outputs {output.samples:q} --log {log:q}"
