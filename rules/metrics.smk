# Pass@k and Pass@k^(m) with their uncertainty, and the headline table.


rule pass_counts:
    input:
        verdicts=f"{RESULTS}/verdicts/{DRAW}.parquet",
    output:
        pass_counts=f"{RESULTS}/pass_counts/{DRAW}.parquet",
    log:
        f"{RESULTS}/logs/pass_counts/{DRAW}.log",
    benchmark:
        f"{RESULTS}/benchmarks/pass_counts/{DRAW}.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        code=code_of("count_passes.py"),
    message:
        "Count passes of {wildcards.benchmark} for {wildcards.model}/{wildcards.dataset}/{wildcards.method}"
    shell:
        'python "$IBFT_SCRIPTS/count_passes.py" --verdicts {input.verdicts:q} --model {wildcards.model:q}'
        " --dataset {wildcards.dataset:q} --method {wildcards.method:q} --seed {wildcards.seed}"
        " --benchmark {wildcards.benchmark:q} --temperature {wildcards.temperature} --trial {wildcards.trial}"
        " --output {output.pass_counts:q} --log {log:q}"


rule metrics:
    input:
        pass_counts=draw_paths("pass_counts"),
    output:
        pass_counts=f"{RESULTS}/metrics/pass_counts.parquet",
        metrics=f"{RESULTS}/metrics/metrics.parquet",
        comparisons=f"{RESULTS}/metrics/comparisons.parquet",
    log:
        f"{RESULTS}/logs/metrics.log",
    benchmark:
        f"{RESULTS}/benchmarks/metrics.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_of("compute_metrics.py"),
        settings=as_json(CONFIG.metrics),
        swept=swept_methods(),
    message:
        "Compute Pass@k and Pass@k^(m)"
    shell:
        'python "$IBFT_SCRIPTS/compute_metrics.py" --pass-counts {input.pass_counts:q} --settings {params.settings:q}'
        " --swept {params.swept:q}"
        " --combined {output.pass_counts:q} --output {output.metrics:q} --comparisons {output.comparisons:q}"
        " --log {log:q}"


rule tables:
    input:
        metrics=rules.metrics.output.metrics,
    output:
        parquet=f"{RESULTS}/tables/headline.parquet",
        csv=f"{RESULTS}/tables/headline.csv",
        markdown=f"{RESULTS}/tables/headline.md",
        latex=f"{RESULTS}/tables/headline.tex",
    log:
        f"{RESULTS}/logs/tables.log",
    benchmark:
        f"{RESULTS}/benchmarks/tables.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=30,
    params:
        code=code_of("write_tables.py"),
        labels=LABELS,
        settings=as_json(CONFIG.metrics),
    message:
        "Write the headline table"
    shell:
        'python "$IBFT_SCRIPTS/write_tables.py" --metrics {input.metrics:q} --labels {params.labels:q}'
        ' --settings {params.settings:q} --output-dir "$(dirname {output.parquet:q})" --log {log:q}'
