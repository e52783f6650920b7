# One self-contained HTML file.


def report_memorization():
    return {
        f"{model}/{track.dataset}/{group}": path
        for track in CONFIG.tracks.values()
        for model in track.models
        for group, path in memorization_groups(model, track.dataset)
    }


def report_selections():
    found = {}
    for v in CONFIG.variants():
        path = selection_of(v)
        if path:
            found[f"{v.model}/{v.dataset}/{v.method}"] = path
    return found


def report_figures():
    """FIGURE or FIGURE/SUBJECT -> SVG, in the order of the report."""
    figures = {name: f"{RESULTS}/figures/{name}.svg" for name in run_figures()}
    for path in pair_figures():
        model, dataset, figure = path.split("/")
        subject = (
            f"{label_of(CONFIG.models, model)}, {label_of(CONFIG.datasets, dataset)}"
        )
        figures[f"{figure}/{subject}"] = f"{RESULTS}/figures/{path}.svg"
    return figures


def tables_by_name(folder, names):
    return {name: f"{RESULTS}/{folder}/{name}.parquet" for name in names}


BENCHMARKS = sorted({b for track in CONFIG.tracks.values() for b in track.benchmarks})
DATASETS = sorted(
    {track.dataset for track in CONFIG.tracks.values()}
    | {CONFIG.memorization.reference}
)


rule report:
    input:
        metrics=rules.metrics.output.metrics,
        comparisons=rules.metrics.output.comparisons,
        pass_counts=rules.metrics.output.pass_counts,
        headline=rules.tables.output.parquet,
        verdicts=verdict_paths(),
        problems=list(tables_by_name("problems", BENCHMARKS).values()),
        examples=list(tables_by_name("examples", DATASETS).values()),
        memorization=list(report_memorization().values()),
        selection=list(report_selections().values()),
        figures=list(report_figures().values()),
    output:
        report=f"{RESULTS}/report.html",
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
        config=CONFIG.model_dump_json(exclude={"compute"}),
        problems=as_options(tables_by_name("problems", BENCHMARKS)),
        examples=as_options(tables_by_name("examples", DATASETS)),
        memorization=as_options(report_memorization()),
        selection=as_options(report_selections()),
        figures=as_options(report_figures()),
    message:
        "Write the report"
    shell:
        "python {SCRIPTS:q}/write_report.py --config {params.config:q} --metrics {input.metrics:q}"
        " --comparisons {input.comparisons:q} --pass-counts {input.pass_counts:q} --headline {input.headline:q}"
        " --samples {RESULTS:q}/samples --verdicts {RESULTS:q}/verdicts --problems {params.problems}"
        " --examples {params.examples} --memorization {params.memorization} --selection {params.selection}"
        " --figures {params.figures} --benchmarks {RESULTS:q}/benchmarks --output {output.report:q} --log {log:q}"
