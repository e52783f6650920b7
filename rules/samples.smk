# n completions of every problem in every trial, for one variant and temperature: one start of the engine for all trials.
# `update` leaves finished trials where they are, so that more trials draw only what is new.
# Or completions that somebody else drew, imported as one more method.
# With sampling.jobs_per_model a job draws nothing: it takes its samples out of what `draws` drew. That input is
# `ancient`, because it is renewed with every other draw of the model; what decides these samples are the other inputs.


rule samples:
    input:
        model=f"{RESULTS}/models/{{model}}/manifest.json",
        adapter=adapter_of,
        problems=f"{RESULTS}/problems/{{benchmark}}.parquet",
        drawn=ancient(complete_draws_of),
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
    wildcard_constraints:
        method=one_of(CONFIG.methods),
    conda:
        "../envs/sample.yaml"
    threads: lambda wildcards: 1 if is_drawn_together(wildcards) else CONFIG.compute.threads
    resources:
        mem_mb=lambda wildcards, attempt: (
            2000 if is_drawn_together(wildcards) else CONFIG.compute.memory_mb
        )
        * attempt,
        runtime=lambda wildcards, attempt: CONFIG.compute.runtime_min * attempt,
        gpu=lambda wildcards: (
            0 if is_drawn_together(wildcards) else CONFIG.compute.gpus
        ),
    params:
        code=lambda wildcards: [code_of(script) for script in samplers_of(wildcards)],
        sampler=lambda wildcards: samplers_of(wildcards)[-1],
        drawn=drawn_option,
        settings=lambda wildcards: sampling_of(wildcards).as_json(
            without=SAMPLING_OF_OTHER_JOBS
        ),
        profile=sampling_profile_of,
        precision=precision_of,
        adapter=adapter_option,
        variant="{model}/{dataset}/{method}/seed{seed}",
    message:
        "Sample {wildcards.benchmark} from {wildcards.model}/{wildcards.dataset}/{wildcards.method}, T = {wildcards.temperature}"
    shell:
        'python "$IBFT_SCRIPTS/{params.sampler}" {params.drawn} --model "$(dirname {input.model:q})" {params.adapter}'
        " --problems {input.problems:q}"
        " --profile {params.profile} --settings {params.settings:q} --precision {params.precision}"
        " --variant {wildcards.model}/{wildcards.dataset}/{wildcards.method}/seed{wildcards.seed}"
        " --benchmark {wildcards.benchmark} --temperature {wildcards.temperature}"
        " --threads {threads} --outputs {output.samples:q} --log {log:q}"


rule imported_samples:
    input:
        problems=f"{RESULTS}/problems/{{benchmark}}.parquet",
    output:
        samples=f"{RESULTS}/samples/{DRAW}.parquet",
    log:
        f"{RESULTS}/logs/samples/{DRAW}.log",
    benchmark:
        f"{RESULTS}/benchmarks/samples/{DRAW}.tsv"
    wildcard_constraints:
        method=one_of(CONFIG.samples),
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        code=code_of("import_samples.py"),
        settings=lambda wildcards: CONFIG.samples[wildcards.method].as_json(
            without=("label",)
        ),
        content=lambda wildcards: sha256(
            Path(CONFIG.samples[wildcards.method].source.removeprefix("path:"))
        ),
    message:
        "Import samples: {wildcards.method}"
    shell:
        'python "$IBFT_SCRIPTS/import_samples.py" --settings {params.settings:q} --problems {input.problems:q}'
        " --output {output.samples:q} --log {log:q}"
