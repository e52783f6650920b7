"""A run's tables are built into its report: the sections, and the samples that the browser of the page shows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import yaml

from ibft.barrier.findings import detected
from ibft.config.config import Config
from ibft.contamination.summary import problems_found
from ibft.labels import Labels
from ibft.metrics.cells import judged
from ibft.metrics.runs import constant_passes, describe, errata, excluded_problems, paths_of, read_runs, runs_of
from ibft.paths import Run, Variant
from ibft.report import data_tables, sample_browser, tables
from ibft.report.page import Section, picture, render
from ibft.report.sentences import Finding, findings, truncation_warnings
from ibft.report.synthesis_table import synthesis_table
from ibft.report.tables import Tally
from ibft.report.training_tables import training_table
from ibft.report.uncertainty_tables import stratum_table, variance_table
from ibft.runtime.errors import UserError
from ibft.runtime.progress import progress
from ibft.store.parquet import read_table
from ibft.store.schemas import (
    COMPARISONS,
    CONTAMINATION,
    DETECTION,
    ESTIMANDS,
    EXAMPLES,
    GRADIENT_CORRELATIONS,
    GRADIENT_DECILES,
    HEADLINE,
    HELD_OUT,
    MEMORIZATION,
    METRICS,
    PAPER_COMPARISON,
    PASS_COUNTS,
    PROBLEMS,
    SAMPLES,
    SELECTION,
    SYNTHESIS,
    TRAINING_LOG,
    VERDICTS,
)
from ibft.tables.barrier import barrier_findings, barrier_table, detection_table
from ibft.tables.paper import paper_comparison_table
from ibft.tables.render import TextTable

Paths = Mapping[str, Path]
Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Sources:
    """A report is written from these files, of which the mappings may be empty."""

    metrics: Path
    comparisons: Path
    pass_counts: Path
    headline: Path
    samples: Path  # folder of all runs
    verdicts: Path  # folder of all runs
    synthesis: Path | None = None  # folder of the runs on benchmarks of Verilog, where the configuration asks for it
    paper_comparison: Path | None = None
    problems: Paths = field(default_factory=dict)  # by BENCHMARK
    examples: Paths = field(default_factory=dict)  # by DATASET
    memorization: Paths = field(default_factory=dict)  # by MODEL/DATASET/GROUP
    selection: Paths = field(default_factory=dict)  # by MODEL/DATASET/METHOD
    gradients: Paths = field(default_factory=dict)  # by MODEL/DATASET/TABLE
    logs: Paths = field(default_factory=dict)  # by MODEL/DATASET/METHOD/seedS
    held_out: Paths = field(default_factory=dict)  # by MODEL/DATASET/METHOD/seedS
    contamination: Paths = field(default_factory=dict)  # by DATASET/BENCHMARK
    barrier: Paths = field(default_factory=dict)  # by TABLE: detection, estimands; empty without known members
    figures: Paths = field(default_factory=dict)  # by FIGURE or FIGURE/MODEL/DATASET, in the order of the report
    benchmarks: Path | None = None  # folder of Snakemake's benchmark files, where the page shows run times


def build(sources: Sources, opening: list[Finding], config: Config, labels: Labels) -> str:
    """Build the page, which shows the runs that PASS_COUNTS names.

    Raises:
        UserError: a table is missing or damaged, or one does not fit another.
    """
    metrics = read_table(sources.metrics, METRICS)
    comparisons = read_table(sources.comparisons, COMPARISONS)
    pass_counts = judged(read_table(sources.pass_counts, PASS_COUNTS))
    problems = {name: read_table(path, PROBLEMS) for name, path in sources.problems.items()}
    packed = _pack(sources, pass_counts, problems)
    doubtful = _doubtful_problems(sources.verdicts, runs_of(pass_counts))
    return render(
        warnings=truncation_warnings(packed.tally, labels),
        findings=opening,
        headline=read_table(sources.headline, HEADLINE),
        pictures=[picture(_about(key, labels), path) for key, path in sources.figures.items()],
        sections=[
            Section("Barrier", "barrier", _barrier(sources, config, labels)),
            Section(
                "Comparisons",
                "comparisons",
                [*_comparisons(comparisons, labels), variance_table(pass_counts, labels)],
            ),
            Section("Paper", "paper", _paper(sources)),
            Section("Data", "data", _data(sources, config, labels)),
            Section("Training", "training", _training(sources, labels)),
            Section("Gradients", "gradients", _gradients(sources, config, labels)),
            Section("Contamination", "contamination", _contamination(sources, config, labels, problems, pass_counts)),
            Section(
                "Judging",
                "judging",
                [
                    tables.verdict_table(packed.tally, labels),
                    tables.official_table(metrics, labels, config.metrics),
                    tables.problem_table(*doubtful, labels),
                    tables.isolation_table(packed.tally),
                    *_synthesis(sources, config, labels, problems, pass_counts),
                ],
            ),
            Section("Environment", "environment", _environment(sources, packed.tally)),
        ],
        config=_as_yaml(config),
        index=sample_browser.index(pass_counts, labels, packed.chunk_of_run, problems),
        chunks=packed.chunks,
    )


def told(sources: Sources, config: Config, labels: Labels) -> list[Finding]:
    """Return what the page opens with: whether there is a barrier, the primary endpoint, and each benchmark.

    Raises:
        UserError: a table is missing or damaged.
    """
    metrics, comparisons = read_table(sources.metrics, METRICS), read_table(sources.comparisons, COMPARISONS)
    of_benchmarks = findings(metrics, comparisons, labels, config.metrics)
    return [*_barrier_finding(sources, config, labels), *of_benchmarks]


@dataclass
class _Packed:
    """All samples are counted, and packed for the browser of the page."""

    tally: Tally = field(default_factory=Tally)
    chunk_of_run: dict[Run, str] = field(default_factory=dict)
    chunks: dict[str, str] = field(default_factory=dict)


def _pack(sources: Sources, pass_counts: pd.DataFrame, problems: Frames) -> _Packed:
    """Read the samples and verdicts run by run, as all of them together may not fit into memory."""
    counted = {Run._make(key): set(rows["task_id"]) for key, rows in pass_counts.groupby(list(Run._fields))}
    packed = _Packed()
    for run, joined in _joined_runs(sources.samples, sources.verdicts, runs_of(pass_counts)):
        packed.tally.add(run, joined, counted[run])
        packed.chunk_of_run[run] = f"samples-{len(packed.chunk_of_run)}"
        packed.chunks[packed.chunk_of_run[run]] = sample_browser.sample_chunk(joined)
    for name, frame in problems.items():
        packed.chunks[f"problems-{name}"] = sample_browser.problem_chunk(frame)
    return packed


def _joined_runs(samples: Path, verdicts: Path, runs: list[Run]) -> Iterator[tuple[Run, pd.DataFrame]]:
    """Yield each run with its samples and their verdicts in one frame."""
    pairs = zip(read_runs(samples, SAMPLES, runs), read_runs(verdicts, VERDICTS, runs), strict=True)
    with progress("packing samples", unit="runs", total=len(runs)) as bar:
        for (run, drawn), (_, verdict_rows) in pairs:
            joined = drawn.merge(verdict_rows, on=["task_id", "sample"], validate="one_to_one")
            if joined.empty:
                raise UserError(f"samples and verdicts of {describe(run)} have nothing in common: rerun Snakemake")
            yield run, joined
            bar.advance()


def _doubtful_problems(
    verdicts: Path, runs: list[Run]
) -> tuple[dict[tuple[str, str], str], dict[tuple[str, str], str]]:
    """Map (benchmark, task_id) of problems that do not count, and of those that count and say little, to the reason."""
    paths = paths_of(runs, verdicts).items()
    excluded = {
        (run.benchmark, task_id): reason for run, path in paths for task_id, reason in excluded_problems(path).items()
    }
    doubtful = {
        (run.benchmark, task_id): "a constant passes" for run, path in paths for task_id in constant_passes(path)
    }
    defects = {(run.benchmark, task_id): defect for run, path in paths for task_id, defect in errata(path).items()}
    return excluded, doubtful | {place: defect for place, defect in defects.items() if place not in excluded}


def _barrier_finding(sources: Sources, config: Config, labels: Labels) -> Iterator[Finding]:
    """Yield what the experiment with known membership found, where there is one."""
    if config.barrier is None:
        return
    own = config.barrier
    estimands, detection = (read_table(sources.barrier[table.name], table) for table in (ESTIMANDS, DETECTION))
    measured_on = labels.dataset(str(estimands.loc[estimands["primary"], "measured_on"].iloc[0]))
    setting = (
        f"{labels.model(own.exposed)} against {labels.model(own.control)}, fine-tuned on "
        f"{labels.dataset(own.dataset)}, measured on {measured_on}"
    )
    seen = detected(detection, own.exposed, own.control, config.memorization.k_selection)
    yield Finding("Is there a memorization barrier?", setting, [*barrier_findings(estimands, labels), seen])


def _barrier(sources: Sources, config: Config, labels: Labels) -> list[TextTable]:
    if config.barrier is None:
        return []
    estimands, detection = (read_table(sources.barrier[table.name], table) for table in (ESTIMANDS, DETECTION))
    return [barrier_table(estimands, labels, config.barrier.dataset), detection_table(detection, labels)]


def _comparisons(comparisons: pd.DataFrame, labels: Labels) -> list[TextTable]:
    """There is none where the reference method was not run, as with imported samples alone."""
    return [] if comparisons.empty else [tables.comparison_table(comparisons, labels)]


def _paper(sources: Sources) -> list[TextTable]:
    """Show the comparison with the paper where the run has anything that the paper has."""
    if sources.paper_comparison is None:
        return []
    comparison = read_table(sources.paper_comparison, PAPER_COMPARISON)
    return [] if comparison.empty else [paper_comparison_table(comparison)]


def _data(sources: Sources, config: Config, labels: Labels) -> list[TextTable]:
    examples = {name: read_table(path, EXAMPLES) for name, path in sources.examples.items()}
    shown = []
    if sources.memorization:
        scores: dict[tuple[str, str], dict[str, pd.DataFrame]] = {}
        for (model, dataset, group), path in ((_three(key), path) for key, path in sources.memorization.items()):
            scores.setdefault((model, dataset), {})[group] = read_table(path, MEMORIZATION)
        shown.append(data_tables.memorization_table(scores, config.memorization.k_selection, labels))
    if sources.selection:
        kept = {_three(key): read_table(path, SELECTION) for key, path in sources.selection.items()}
        shown.append(data_tables.selection_table(kept, examples, labels))
    if examples:
        shown.append(data_tables.data_table(examples, labels))
    return shown


def _training(sources: Sources, labels: Labels) -> list[TextTable]:
    logs = {_variant(key): read_table(path, TRAINING_LOG) for key, path in sources.logs.items()}
    held_out = {_variant(key): read_table(path, HELD_OUT) for key, path in sources.held_out.items()}
    return [training_table(logs, held_out, labels)] if logs else []


def _gradients(sources: Sources, config: Config, labels: Labels) -> list[TextTable]:
    k = config.memorization.k_selection
    paths = {_three(key): path for key, path in sources.gradients.items()}
    found = {
        name: {key[:2]: read_table(path, table) for key, path in paths.items() if key[2] == name}
        for name, table in {"deciles": GRADIENT_DECILES, "correlations": GRADIENT_CORRELATIONS}.items()
    }
    if not paths:
        return []
    return [
        data_tables.decile_table(found["deciles"], k, config.gradients, labels),
        data_tables.correlation_table(found["correlations"], k, labels),
    ]


def _contamination(
    sources: Sources, config: Config, labels: Labels, problems: Frames, pass_counts: pd.DataFrame
) -> list[TextTable]:
    overlaps = {_two(key): read_table(path, CONTAMINATION) for key, path in sources.contamination.items()}
    sizes = {name: len(frame) for name, frame in problems.items()}
    if not overlaps:
        return []
    found = {pair: problems_found(table, config.contamination) for pair, table in overlaps.items()}
    return [
        data_tables.contamination_table(overlaps, config.contamination, labels, sizes),
        data_tables.most_overlapping_table(overlaps, labels),
        stratum_table(pass_counts, found, config.metrics, labels, config.contamination.drop),
    ]


def _synthesis(
    sources: Sources, config: Config, labels: Labels, problems: Frames, pass_counts: pd.DataFrame
) -> list[TextTable]:
    if config.synthesis is None or sources.synthesis is None:
        return []
    of_verilog = {name for name, frame in problems.items() if (frame["language"] == "verilog").all()}
    runs = [run for run in runs_of(pass_counts) if run.benchmark in of_verilog]
    return [synthesis_table(read_runs(sources.synthesis, SYNTHESIS, runs), labels)]


def _environment(sources: Sources, tally: Tally) -> list[TextTable]:
    shown = [tables.engine_table(tally), tables.version_table()]
    return shown + ([tables.run_time_table(sources.benchmarks)] if sources.benchmarks else [])


def _about(key: str, labels: Labels) -> str:
    """Replace MODEL/DATASET after FIGURE by the labels of the two; any other subject stays as it is."""
    name, _, subject = key.partition("/")
    model, _, dataset = subject.partition("/")
    known = model in labels.models and dataset in labels.datasets
    return f"{name}/{labels.model(model)}, {labels.dataset(dataset)}" if known else key


def _as_yaml(config: Config) -> str:
    """Write every key but those that only say how jobs run and what is made by name."""
    values = config.model_dump(mode="json", exclude={"compute", "targets"})
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def _variant(key: str) -> Variant:
    """Read MODEL/DATASET/METHOD/seedS."""
    model, dataset, method, seed = key.split("/")
    return Variant(model, dataset, method, int(seed.removeprefix("seed")))


def _two(key: str) -> tuple[str, str]:
    dataset, separator, benchmark = key.partition("/")
    if not separator:
        raise UserError(f"the key {key!r} has not the two parts DATASET/BENCHMARK")
    return dataset, benchmark


def _three(key: str) -> tuple[str, str, str]:
    parts = key.split("/")
    if len(parts) != 3:
        raise UserError(f"the key {key!r} has not the three parts MODEL/DATASET/NAME")
    return parts[0], parts[1], parts[2]
