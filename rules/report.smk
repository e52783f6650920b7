# One self-contained HTML file.


rule report:
    input:
        metrics=rules.metrics.output.metrics,
        comparisons=rules.metrics.output.comparisons,
        pass_counts=rules.pass_counts.output.pass_counts,
        headline=rules.tables.output.parquet,
        paper_comparison=rules.tables.output.paper_comparison,
        verdicts=draw_paths("verdicts"),
        problems=list(tables_by_name("problems", BENCHMARKS).values()),
        examples=list(report_examples().values()),
        contamination=list(report_contamination().values()),
        memorization=list(report_memorization().values()),
        gradients=list(report_imbalance().values()),
        selection=list(report_selections().values()),
        figures=list(report_figures().values()),
    output:
        report=report(f"{RESULTS}/report.html", category="Report"),
        run_times=f"{RESULTS}/benchmarks/run_times.csv",
    log:
        f"{RESULTS}/logs/report.log",
    benchmark:
        f"{RESULTS}/benchmarks/report.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=30,
    params:
        code=code_of("write_report.py"),
        config=lambda wildcards: CONFIG.as_json(without=("compute", "targets")),
        labels=labels_as_json,
        results=lambda wildcards, output: str(Path(output.report).parent),
        problems=as_options(tables_by_name("problems", BENCHMARKS)),
        examples=as_options(report_examples()),
        contamination=as_options(report_contamination()),
        memorization=as_options(report_memorization()),
        gradients=as_options(report_imbalance()),
        selection=as_options(report_selections()),
        figures=as_options(report_figures()),
    message:
        "Write the report"
    shell:
        'python "$IBFT_SCRIPTS/write_report.py" --config {params.config:q} --labels {params.labels:q} --metrics {input.metrics:q}'
        " --comparisons {input.comparisons:q} --pass-counts {input.pass_counts:q} --headline {input.headline:q}"
        " --paper-comparison {input.paper_comparison:q}"
        " --samples {params.results:q}/samples --verdicts {params.results:q}/verdicts --problems {params.problems}"
        " --examples {params.examples} --contamination {params.contamination} --memorization {params.memorization}"
        " --gradients {params.gradients} --selection {params.selection}"
        " --figures {params.figures} --benchmarks {params.results:q}/benchmarks --run-times {output.run_times:q}"
        " --output {output.report:q} --log {log:q}"
