# An audit estimates how much of a dataset a model knows, before anything is trained: `snakemake audit`, `ibft audit`.


rule trace_tokens:
    input:
        model="<results>/models/{model}/manifest.json",
        examples="<results>/examples/{examples}.parquet",
    output:
        traces="<results>/traces/{model}/{dataset}/{examples}.parquet",
    log:
        "<logs>/trace_tokens/{model}/{dataset}/{examples}.log",
    benchmark:
        "<benchmarks>/trace_tokens/{model}/{dataset}/{examples}.tsv"
    wildcard_constraints:
        examples="[^/]+",
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads
    resources:
        **MODEL_JOB,
    params:
        code=code_of("trace_tokens.py"),
        job=lambda wildcards: GRAPH.trace_tokens(
            wildcards.model, wildcards.dataset
        ).as_json(),
    shell:
        '{resources.launcher} "$IBFT_SCRIPTS/trace_tokens.py" --job {params.job:q} --model {input.model:q}'
        " --examples {input.examples:q} --threads {threads} --output {output.traces:q} --log {log:q}"


rule measure_influence:
    input:
        model="<results>/models/{model}/manifest.json",
        examples="<results>/split/{dataset}/training.parquet",
        held_out="<results>/split/{dataset}/held_out.parquet",
    output:
        influence="<results>/influence/{model}/{dataset}.parquet",
    log:
        "<logs>/measure_influence/{model}/{dataset}.log",
    benchmark:
        "<benchmarks>/measure_influence/{model}/{dataset}.tsv"
    conda:
        "../envs/train.yaml"
    threads: CONFIG.compute.threads
    resources:
        **MODEL_JOB,
    params:
        code=code_of("measure_influence.py"),
        job=lambda wildcards: GRAPH.measure_influence(
            wildcards.model, wildcards.dataset
        ).as_json(),
    shell:
        '{resources.launcher} "$IBFT_SCRIPTS/measure_influence.py" --job {params.job:q} --model {input.model:q}'
        " --examples {input.examples:q} --held-out {input.held_out:q} --threads {threads}"
        " --output {output.influence:q} --log {log:q}"


rule write_audit:
    input:
        examples="<results>/examples/{dataset}.parquet",
        traces="<results>/traces/{model}/{dataset}/{dataset}.parquet",
        reference=lambda wildcards: GRAPH.results.traces(
            wildcards.model, wildcards.dataset, CONFIG.memorization.reference
        ),
        influence=lambda wildcards: GRAPH.influence(wildcards.model, wildcards.dataset),
        contamination=lambda wildcards: list(
            GRAPH.overlaps_of(wildcards.dataset).values()
        ),
    output:
        page=report("<results>/audit/{model}/{dataset}.html", category="Audit"),
        table="<results>/audit/{model}/{dataset}.csv",
    log:
        "<logs>/write_audit/{model}/{dataset}.log",
    benchmark:
        "<benchmarks>/write_audit/{model}/{dataset}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("write_audit.py"),
        job=lambda wildcards: GRAPH.write_audit(
            wildcards.model, wildcards.dataset
        ).as_json(),
        overlaps=lambda wildcards: as_options(GRAPH.overlaps_of(wildcards.dataset)),
    shell:
        'python "$IBFT_SCRIPTS/write_audit.py" --job {params.job:q} --examples {input.examples:q}'
        " --traces {input.traces:q} --reference {input.reference:q} --influence {input.influence:q}"
        " --contamination {params.overlaps} --output {output.page:q} --table {output.table:q} --log {log:q}"


rule audit:
    input:
        GRAPH.audits(),
    localrule: True
