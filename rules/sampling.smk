# Sampling draws n completions of every problem in every trial. One job starts one engine for one variant at one temperature
# and samples all benchmarks of its experiment; `update` keeps finished trials, so that only what is missing is sampled.

REMOTE = {
    name: own
    for name, own in CONFIG.experiments.items()
    if CONFIG.is_remote(own.models[0])
}

for name, experiment in CONFIG.experiments.items():
    if name in REMOTE:
        continue

    rule:
        name:
            f"sample_{name}"
        input:
            model="<results>/models/{model}/manifest.json",
            adapter=lambda wildcards: GRAPH.adapter(variant_of(wildcards)),
            problems=[GRAPH.results.problems(each) for each in experiment.benchmarks],
            # Measured again, they sample nothing again: the script finds every trial finished.
            references=[
                GRAPH.results.references(each) for each in experiment.benchmarks
            ],
        output:
            samples=update(
                expand(
                    "<results>/samples/{model}/{dataset}/{method}/seed{seed}/{benchmark}/T{temperature}/trial{trial}.parquet",
                    benchmark=experiment.benchmarks,
                    trial=range(CONFIG.sampling.trials),
                    allow_missing=True,
                )
            ),
        log:
            "<logs>/sample/<variant>/T{temperature}.log",
        benchmark:
            "<benchmarks>/sample/<variant>/T{temperature}.tsv"
        wildcard_constraints:
            model=one_of(experiment.models),
            dataset=one_of([experiment.dataset]),
            method=one_of(CONFIG.methods),
            seed=r"\d+",
        conda:
            "../envs/sample.yaml"
        threads: CONFIG.compute.threads
        resources:
            **MODEL_JOB,
        params:
            code=code_of("sample.py"),
            job=lambda wildcards: (
                GRAPH.sample(
                    variant_of(wildcards), float(wildcards.temperature)
                ).as_json()
            ),
            benchmarks=list(experiment.benchmarks),
        shell:
            '{resources.launcher} "$IBFT_SCRIPTS/sample.py" --job {params.job:q} --model {input.model:q} --adapter {input.adapter:q}'
            " --benchmarks {params.benchmarks:q} --problems {input.problems:q}"
            " --threads {threads} --outputs {output.samples:q} --log {log:q}"


# Models behind an API are asked from where Snakemake runs, because compute nodes may have no network. They come first: a
# key that is missing, or a server that is down, is found before hours of training. What is told of the server as a
# resource changes no result, and so asks nothing anew.
for name, experiment in REMOTE.items():

    rule:
        name:
            f"sample_{name}"
        input:
            problems=[GRAPH.results.problems(each) for each in experiment.benchmarks],
            references=[
                GRAPH.results.references(each) for each in experiment.benchmarks
            ],
        output:
            samples=update(
                expand(
                    "<results>/samples/{model}/{dataset}/{method}/seed{seed}/{benchmark}/T{temperature}/trial{trial}.parquet",
                    benchmark=experiment.benchmarks,
                    trial=range(CONFIG.sampling.trials),
                    allow_missing=True,
                )
            ),
        log:
            "<logs>/sample/<variant>/T{temperature}.log",
        benchmark:
            "<benchmarks>/sample/<variant>/T{temperature}.tsv"
        wildcard_constraints:
            model=one_of(experiment.models),
            dataset=one_of([experiment.dataset]),
            method=one_of(CONFIG.methods),
            seed=r"\d+",
        priority: FIRST
        localrule: True
        conda:
            "../envs/api.yaml"
        threads: 1
        resources:
            **SMALL_JOB,
            api_jobs=1,
            server=lambda wildcards: shlex.quote(
                CONFIG.models[wildcards.model].server.as_json()
            ),
        params:
            code=code_of("sample_api.py"),
            job=lambda wildcards: (
                GRAPH.sample_api(
                    variant_of(wildcards), float(wildcards.temperature)
                ).as_json()
            ),
            tokenizer=lambda wildcards: content_of(
                CONFIG.models[wildcards.model].api.tokenizer or ""
            ),
            benchmarks=list(experiment.benchmarks),
        shell:
            'python "$IBFT_SCRIPTS/sample_api.py" --job {params.job:q} --server {resources.server}'
            " --benchmarks {params.benchmarks:q} --problems {input.problems:q}"
            " --outputs {output.samples:q} --log {log:q}"


# Completions that somebody else sampled, imported as one more method.
rule import_samples:
    input:
        problems="<results>/problems/{benchmark}.parquet",
    output:
        samples="<results>/samples/{model}/{dataset}/{method}/seed{seed}/{benchmark}/T{temperature}/trial{trial}.parquet",
    log:
        "<logs>/import_samples/<run>.log",
    benchmark:
        "<benchmarks>/import_samples/<run>.tsv"
    wildcard_constraints:
        method=one_of(CONFIG.imported_samples),
        seed="0",
        trial="0",
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("import_samples.py"),
        job=lambda wildcards: GRAPH.import_samples(wildcards.method).as_json(),
        content=lambda wildcards: sha256(
            Path(
                CONFIG.imported_samples[wildcards.method].source.removeprefix("path:")
            )
        ),
    shell:
        'python "$IBFT_SCRIPTS/import_samples.py" --job {params.job:q} --problems {input.problems:q}'
        " --output {output.samples:q} --log {log:q}"
