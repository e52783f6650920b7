# Metrics are Pass@k and Pass@k^(m) of the runs that a target shows, with their uncertainty.


rule count_passes:
    input:
        verdicts=lambda wildcards: GRAPH.verdicts(wildcards.target),
    output:
        pass_counts="<results>/metrics/{target}/pass_counts.parquet",
    log:
        "<logs>/count_passes/{target}.log",
    benchmark:
        "<benchmarks>/count_passes/{target}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("count_passes.py"),
        job=lambda wildcards: GRAPH.count_passes(wildcards.target).as_json(),
        verdicts=f"{CONFIG.results}/verdicts",
    shell:
        'python "$IBFT_SCRIPTS/count_passes.py" --job {params.job:q} --verdicts {params.verdicts:q}'
        " --output {output.pass_counts:q} --log {log:q}"


rule compute_metrics:
    input:
        pass_counts="<results>/metrics/{target}/pass_counts.parquet",
    output:
        metrics="<results>/metrics/{target}/metrics.parquet",
        comparisons="<results>/metrics/{target}/comparisons.parquet",
    log:
        "<logs>/compute_metrics/{target}.log",
    benchmark:
        "<benchmarks>/compute_metrics/{target}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
        options=lambda wildcards: shlex.join(
            GRAPH.tracker_options(f"evaluation/{wildcards.target}")
        ),
    params:
        code=code_of("compute_metrics.py"),
        job=lambda wildcards: GRAPH.compute_metrics().as_json(),
    shell:
        'python "$IBFT_SCRIPTS/compute_metrics.py" --job {params.job:q} --pass-counts {input.pass_counts:q}'
        " --output {output.metrics:q} --comparisons {output.comparisons:q} {resources.options} --log {log:q}"
