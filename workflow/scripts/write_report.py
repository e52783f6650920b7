"""Write the report of a run: one HTML file that opens from disk, without a network.

python workflow/scripts/write_report.py --metrics metrics.parquet --comparisons comparisons.parquet \\
    --pass-counts results/metrics/pass_counts.parquet --headline results/tables/headline.parquet \\
    --config "$CONFIG_AS_JSON" --figures pass_at_k=pass_at_k.svg memorization/smollm2/rtl=memorization.svg \\
    --samples results/samples --verdicts results/verdicts --problems rtl-mini=results/problems/rtl-mini.parquet \\
    --output report.html

The sample browser shows the runs that --pass-counts names; other tables in those folders are left alone.
A command line has a limited length: `@FILE` stands for the arguments that FILE holds, one a line.
"""

import argparse
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd
import yaml

from ibft.config.config import Config
from ibft.config.jobs import WriteReport, job_parser
from ibft.figures.inputs import keyed_path
from ibft.labels import Labels
from ibft.metrics.aggregate import judged
from ibft.metrics.runs import constant_passes, describe, excluded_problems, paths_of, read_runs, runs_of
from ibft.paths import Run
from ibft.report import facts, sample_browser
from ibft.report.contamination import contamination_table, most_overlapping_table
from ibft.report.facts import Tally
from ibft.report.imbalance import correlation_table, decile_table
from ibft.report.official import official_table
from ibft.report.page import Section, picture, render
from ibft.report.sentences import findings
from ibft.report.warnings import truncation_warnings
from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress
from ibft.runtime.stage import run_stage
from ibft.store import parquet
from ibft.store.files import write_bytes
from ibft.store.manifests import write_output
from ibft.store.schemas import (
    BESIDE_PAPER,
    COMPARISONS,
    CONTAMINATION,
    EXAMPLES,
    GRADIENT_CORRELATIONS,
    GRADIENT_DECILES,
    HEADLINE,
    MEMORIZATION,
    METRICS,
    PASS_COUNTS,
    PROBLEMS,
    SAMPLES,
    SELECTION,
    VERDICTS,
)
from ibft.tables.paper import comparison_table
from ibft.tables.render import TextTable


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, WriteReport)
    arguments.add_argument("--metrics", type=Path, required=True, help="Parquet table `metrics`")
    arguments.add_argument("--comparisons", type=Path, required=True, help="Parquet table `comparisons`")
    arguments.add_argument("--pass-counts", type=Path, required=True, help="Parquet table `pass_counts` of all runs")
    arguments.add_argument("--headline", type=Path, required=True, help="Parquet table `headline`")
    arguments.add_argument("--beside-paper", type=Path, help="Parquet table `beside_paper`")
    arguments.add_argument("--samples", type=Path, required=True, help="folder with the samples of all runs")
    arguments.add_argument("--verdicts", type=Path, required=True, help="folder with the verdicts of all runs")
    for name, keys in {
        "--problems": "BENCHMARK=PATH",
        "--examples": "DATASET=PATH",
        "--memorization": "MODEL/DATASET/GROUP=PATH (GROUP: p0, p1 or p2)",
        "--selection": "MODEL/DATASET/NAME=PATH",
        "--gradients": "MODEL/DATASET/TABLE=PATH (TABLE: deciles or correlations)",
        "--contamination": "DATASET/BENCHMARK=PATH",
        "--figures": "FIGURE[/MODEL/DATASET]=PATH, PNG or SVG, in the order of the report",
    }.items():
        arguments.add_argument(
            name, type=keyed_path, nargs="*", action="extend", default=[], metavar="KEY=PATH", help=keys
        )
    arguments.add_argument("--benchmarks", type=Path, help="folder of Snakemake's benchmark files")
    arguments.add_argument("--run-times", type=Path, help="write their sums to this CSV, not into the page")
    arguments.add_argument("--output", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    config = Config.model_validate(arguments.job.config)
    labels = Labels.model_validate(arguments.job.labels)
    metrics = parquet.read_table(arguments.metrics, METRICS)
    comparisons = parquet.read_table(arguments.comparisons, COMPARISONS)
    pass_counts = judged(parquet.read_table(arguments.pass_counts, PASS_COUNTS))
    problems = {name: parquet.read_table(path, PROBLEMS) for name, path in arguments.problems}

    counted = {Run(*key): set(rows["task_id"]) for key, rows in pass_counts.groupby(list(Run._fields))}
    tally = Tally()
    chunk_of_run: dict[Run, str] = {}
    chunks: dict[str, str] = {}
    for run, joined in joined_runs(arguments.samples, arguments.verdicts, runs_of(pass_counts)):
        tally.add(run, joined, counted[run])
        chunk_of_run[run] = f"samples-{len(chunk_of_run)}"
        chunks[chunk_of_run[run]] = sample_browser.sample_chunk(joined)
    for name, frame in problems.items():
        chunks[f"problems-{name}"] = sample_browser.problem_chunk(frame)

    page = render(
        warnings=truncation_warnings(tally, labels),
        findings=findings(metrics, comparisons, labels, config.metrics),
        headline=parquet.read_table(arguments.headline, HEADLINE),
        pictures=[picture(about(key, labels), path) for key, path in arguments.figures],
        sections=[
            Section("Comparisons", "comparisons", comparison_tables(comparisons, labels)),
            Section("Paper", "paper", paper_tables(arguments.beside_paper)),
            Section("Data", "data", data_tables(arguments, config, labels)),
            Section("Gradients", "gradients", gradient_tables(arguments, config, labels)),
            Section("Contamination", "contamination", contamination_tables(arguments, config, labels, problems)),
            Section(
                "Judging",
                "judging",
                [
                    facts.verdict_table(tally, labels),
                    official_table(metrics, labels, config.metrics),
                    facts.problem_table(*doubtful_problems(arguments.verdicts, list(counted)), labels),
                    facts.isolation_table(tally),
                ],
            ),
            Section("Environment", "environment", environment_tables(arguments, tally)),
        ],
        config=as_yaml(config),
        index=sample_browser.index(pass_counts, labels, chunk_of_run, problems),
        chunks=chunks,
    )
    write_output(arguments.output, page.encode())
    if arguments.run_times:
        write_bytes(arguments.run_times, facts.run_time_csv(arguments.benchmarks).encode())


def as_yaml(config: Config) -> str:
    """Every key but those that only say how jobs run and what is made by name."""
    values = config.model_dump(mode="json", exclude={"compute", "targets"})
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def joined_runs(samples: Path, verdicts: Path, runs: list[Run]) -> Iterator[tuple[Run, pd.DataFrame]]:
    """Each run with its samples and their verdicts side by side."""
    pairs = zip(read_runs(samples, SAMPLES, runs), read_runs(verdicts, VERDICTS, runs), strict=True)
    with progress("packing samples", unit="runs", total=len(runs)) as bar:
        for (run, drawn), (_, verdict_rows) in pairs:
            joined = drawn.merge(verdict_rows, on=["task_id", "sample"], validate="one_to_one")
            if joined.empty:
                raise UserError(f"samples and verdicts of {describe(run)} have nothing in common: rerun Snakemake")
            yield run, joined
            bar.advance()


def doubtful_problems(verdicts: Path, runs: list[Run]) -> tuple[dict[tuple[str, str], str], set[tuple[str, str]]]:
    """(benchmark, task_id) of every problem that some run could not judge, with the reason; those a constant passes."""
    paths = paths_of(runs, verdicts).items()
    excluded = {
        (run.benchmark, task_id): reason for run, path in paths for task_id, reason in excluded_problems(path).items()
    }
    return excluded, {(run.benchmark, task_id) for run, path in paths for task_id in constant_passes(path)}


def comparison_tables(comparisons: pd.DataFrame, labels: Labels) -> list[TextTable]:
    """Nothing where the reference method was not run, as with imported samples alone."""
    return [] if comparisons.empty else [facts.comparison_table(comparisons, labels)]


def paper_tables(path: Path | None) -> list[TextTable]:
    """Ours beside the paper's, where the run has anything that the paper has."""
    beside = parquet.read_table(path, BESIDE_PAPER) if path else pd.DataFrame()
    return [] if beside.empty else [comparison_table(beside)]


def data_tables(arguments: argparse.Namespace, config: Config, labels: Labels) -> list[TextTable]:
    examples = {name: parquet.read_table(path, EXAMPLES) for name, path in arguments.examples}
    tables = []
    if arguments.memorization:
        scores = {three(key): parquet.read_table(path, MEMORIZATION) for key, path in arguments.memorization}
        tables.append(facts.memorization_table(scores, config.memorization.k_selection, labels))
    if arguments.selection:
        kept = {three(key): parquet.read_table(path, SELECTION) for key, path in arguments.selection}
        tables.append(facts.selection_table(kept, examples, labels))
    if examples:
        tables.append(facts.data_table(examples, labels))
    return tables


def gradient_tables(arguments: argparse.Namespace, config: Config, labels: Labels) -> list[TextTable]:
    k = config.memorization.k_selection
    paths = {three(key): path for key, path in arguments.gradients}
    found = {
        name: {key[:2]: parquet.read_table(path, table) for key, path in paths.items() if key[2] == name}
        for name, table in {"deciles": GRADIENT_DECILES, "correlations": GRADIENT_CORRELATIONS}.items()
    }
    if not paths:
        return []
    return [
        decile_table(found["deciles"], k, config.gradients, labels),
        correlation_table(found["correlations"], k, labels),
    ]


def contamination_tables(
    arguments: argparse.Namespace, config: Config, labels: Labels, problems: Mapping[str, pd.DataFrame]
) -> list[TextTable]:
    overlaps = {pair(key): parquet.read_table(path, CONTAMINATION) for key, path in arguments.contamination}
    sizes = {name: len(frame) for name, frame in problems.items()}
    if not overlaps:
        return []
    return [
        contamination_table(overlaps, config.contamination, labels, sizes),
        most_overlapping_table(overlaps, labels),
    ]


def environment_tables(arguments: argparse.Namespace, tally: Tally) -> list[TextTable]:
    """Without run times where they go to a file of their own: they differ between equal runs."""
    tables = [facts.engine_table(tally), facts.version_table()]
    if arguments.benchmarks and not arguments.run_times:
        tables.append(facts.run_time_table(arguments.benchmarks))
    return tables


def about(key: str, labels: Labels) -> str:
    """FIGURE/MODEL/DATASET with the labels of the two; any other subject as it is."""
    name, _, subject = key.partition("/")
    model, _, dataset = subject.partition("/")
    known = model in labels.models and dataset in labels.datasets
    return f"{name}/{labels.model(model)}, {labels.dataset(dataset)}" if known else key


def pair(key: str) -> tuple[str, str]:
    dataset, separator, benchmark = key.partition("/")
    if not separator:
        raise UserError(f"the key {key!r} has not the two parts DATASET/BENCHMARK")
    return dataset, benchmark


def three(key: str) -> tuple[str, str, str]:
    parts = key.split("/")
    if len(parts) != 3:
        raise UserError(f"the key {key!r} has not the three parts MODEL/DATASET/NAME")
    return parts[0], parts[1], parts[2]


if __name__ == "__main__":
    run_stage(main, parser())
