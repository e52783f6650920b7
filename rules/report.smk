# The report shows the whole run as one self-contained HTML file.


rule write_report:
    input:
        metrics="<results>/metrics/all/metrics.parquet",
        comparisons="<results>/metrics/all/comparisons.parquet",
        pass_counts="<results>/metrics/all/pass_counts.parquet",
        headline="<results>/tables/all/headline.parquet",
        paper_comparison="<results>/tables/all/paper_comparison.parquet",
        verdicts=GRAPH.verdicts("all"),
        synthesis=GRAPH.synthesis("all"),
        parts=[
            path for part in GRAPH.report_inputs().values() for path in part.values()
        ],
    output:
        report=report("<results>/report.html", category="Report"),
        findings="<results>/tables/all/findings.md",
        run_times="<benchmarks>/run_times.csv",
    log:
        "<logs>/write_report.log",
    benchmark:
        "<benchmarks>/write_report.tsv"
    conda:
        "../envs/analysis.yaml"
    threads: 1
    resources:
        **SMALL_JOB,
    params:
        code=code_of("write_report.py"),
        job=lambda wildcards: GRAPH.write_report().as_json(),
        samples=lambda wildcards: f"{CONFIG.results}/samples",
        verdicts=lambda wildcards: f"{CONFIG.results}/verdicts",
        synthesis=lambda wildcards: f"{CONFIG.results}/synthesis",
        benchmarks=lambda wildcards: f"{CONFIG.results}/benchmarks",
        parts=" ".join(
            f"--{name.replace('_', '-')} {as_options(part)}"
            for name, part in GRAPH.report_inputs().items()
        ),
    shell:
        'python "$IBFT_SCRIPTS/write_report.py" --job {params.job:q} --metrics {input.metrics:q}'
        " --comparisons {input.comparisons:q} --pass-counts {input.pass_counts:q} --headline {input.headline:q}"
        " --paper-comparison {input.paper_comparison:q} --samples {params.samples:q}"
        " --verdicts {params.verdicts:q} --synthesis {params.synthesis:q} {params.parts} --benchmarks {params.benchmarks:q}"
        " --run-times {output.run_times:q} --findings {output.findings:q} --output {output.report:q} --log {log:q}"
