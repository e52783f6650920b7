"""A report of samples and verdicts that are in memory: their tables are written, and the page is built from them."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from ibft.config.config import Config
from ibft.config.sections import Benchmark, Metrics
from ibft.data.benchmarks import prepare_benchmark
from ibft.figures import pass_at_k_m_curve
from ibft.figures.style import drawn_literally, save
from ibft.labels import Labels, labels_of
from ibft.metrics.aggregate import compute_metrics, count_passes
from ibft.metrics.compare import compare_methods
from ibft.paths import Results, Run
from ibft.report.build import Sources, build, told
from ibft.store.manifests import write_output
from ibft.store.parquet import write_table
from ibft.store.schemas import COMPARISONS, HEADLINE, METRICS, PASS_COUNTS, PROBLEMS, SAMPLES, VERDICTS
from ibft.tables.headline import headline

Judged = tuple[pd.DataFrame, pd.DataFrame]
"""SAMPLES and their VERDICTS."""


def write_report(
    folder: Path,
    judged: Mapping[str, Judged],
    benchmark: str,
    entry: Benchmark,
    temperature: float,
    settings: Metrics,
    reference: str | None = None,
) -> Path:
    """Write the tables of each method in `judged`, and `report.html`, to `folder`; return the page's path.

    Args:
        benchmark: the name of what the samples answer.
        entry: its entry in a configuration.
        temperature: that the samples were drawn at.
        reference: method that the others are compared with; the first, if null.

    Raises:
        UserError: as `ibft.metrics.aggregate.compute_metrics` and `ibft.report.build.build`.
    """
    results = Results(str(folder))
    runs = {
        method: Run("model", "data", f"method{number}", 0, benchmark, temperature, 0)
        for number, method in enumerate(judged)
    }
    compared = runs[reference or next(iter(judged))].method
    counts = pd.concat([count_passes(judged[method][1], run) for method, run in runs.items()], ignore_index=True)
    measured = compute_metrics(counts, settings)
    for method, run in runs.items():
        write_table(Path(results.samples(run)), SAMPLES, judged[method][0])
        write_table(Path(results.verdicts(run)), VERDICTS, judged[method][1])
    config = _config(results, runs, entry, settings)
    labels = labels_of(config)
    sources = Sources(
        metrics=Path(results.metrics("all", "metrics")),
        comparisons=Path(results.metrics("all", "comparisons")),
        pass_counts=Path(results.metrics("all", "pass_counts")),
        headline=Path(results.table("all", "headline.parquet")),
        samples=folder / "samples",
        verdicts=folder / "verdicts",
        problems={benchmark: Path(results.problems(benchmark))},
        figures={"pass_at_k_m_curve": _curve(results, measured, labels, settings)},
    )
    write_table(sources.metrics, METRICS, measured)
    write_table(sources.comparisons, COMPARISONS, compare_methods(counts, settings, compared))
    write_table(sources.pass_counts, PASS_COUNTS, counts)
    write_table(sources.headline, HEADLINE, headline(measured, labels, settings))
    write_table(sources.problems[benchmark], PROBLEMS, prepare_benchmark(entry))
    write_output(Path(results.report), build(sources, told(sources, config, labels), config, labels).encode())
    return Path(results.report)


def _config(results: Results, runs: Mapping[str, Run], entry: Benchmark, settings: Metrics) -> Config:
    """Say of these samples what a configuration says of imported ones."""
    imported = {
        run.method: {
            "source": f"path:{results.samples(run)}",
            "model": run.model,
            "dataset": run.dataset,
            "benchmark": run.benchmark,
            "temperature": run.temperature,
            "label": method,
        }
        for method, run in runs.items()
    }
    [benchmark] = {run.benchmark for run in runs.values()}
    return Config.model_validate(
        {
            "benchmarks": {benchmark: entry.model_dump()},
            "experiments": {},
            "imported_samples": imported,
            "metrics": settings.model_dump(),
        }
    )


def _curve(results: Results, measured: pd.DataFrame, labels: Labels, settings: Metrics) -> Path:
    svg, png = (Path(results.figure("all", "pass_at_k_m_curve", kind)) for kind in ("svg", "png"))
    save(pass_at_k_m_curve.draw(measured, drawn_literally(labels), settings), png, svg)
    return svg
