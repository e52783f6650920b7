"""What a reader needs to judge the numbers: data, memorization, exclusions, verdict rules, software, run times."""

import importlib.metadata
import platform
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ibft.labels import Labels
from ibft.memorization.distributions import scores_at
from ibft.memorization.separation import separation
from ibft.metrics.notation import raised
from ibft.metrics.runs import Run
from ibft.runtime.errors import UserError

_PACKAGES = (
    "ibft",
    "torch",
    "transformers",
    "peft",
    "vllm",
    "numpy",
    "scipy",
    "pandas",
    "pyarrow",
    "matplotlib",
    "snakemake",
)
_ISOLATION = {
    "namespaces": "own file system, processes and network, dropped privileges, system call filter, resource limits",
    "landlock": "Landlock, system call filter and resource limits, without namespaces",
    "rlimits": "resource limits only: samples could read files and use the network",
}
_GROUPS = {"p0": "p0: base model", "p1": "p1: fine-tuned model", "p2": "p2: reference data, base model"}


@dataclass(frozen=True)
class FactTable:
    """A table of the report. A column is a title and whether it holds numbers."""

    title: str
    note: str
    columns: list[tuple[str, bool]]
    rows: list[list[str]]


class Cell(NamedTuple):
    """All training seeds and trials of one method on one benchmark at one temperature."""

    model: str
    dataset: str
    method: str
    benchmark: str
    temperature: float


@dataclass
class Tally:
    """What is counted while samples and verdicts pass by, run by run."""

    samples: Counter[str] = field(default_factory=Counter)  # by benchmark
    passed: Counter[str] = field(default_factory=Counter)
    official: Counter[str] = field(default_factory=Counter)
    only_official: Counter[tuple[str, str]] = field(default_factory=Counter)  # by benchmark and our status
    only_hardened: Counter[str] = field(default_factory=Counter)
    isolation: Counter[str] = field(default_factory=Counter)
    engines: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    cut: Counter[str] = field(default_factory=Counter)  # ended by the token limit
    samples_of: Counter[Cell] = field(default_factory=Counter)
    cut_of: Counter[Cell] = field(default_factory=Counter)

    def add(self, run: Run, every: pd.DataFrame, counted: Collection[str]) -> None:
        """Count one run.

        Args:
            every: a row per sample with the columns of SAMPLES and VERDICTS.
            counted: the task_ids that the metrics rest on; the others do not count here either.
        """
        benchmark = run.benchmark
        joined = every[every["task_id"].isin(list(counted))]
        self.samples[benchmark] += len(joined)
        self.passed[benchmark] += int(joined["passed"].sum())
        self.official[benchmark] += int(joined["official_passed"].sum())
        self.only_hardened[benchmark] += int((joined["passed"] & ~joined["official_passed"]).sum())
        for status in joined.loc[joined["official_passed"] & ~joined["passed"], "status"]:
            self.only_official[benchmark, str(status)] += 1
        self.isolation.update(joined["isolation"])
        self.engines.update(zip(joined["engine"], joined["engine_version"], joined["profile"], strict=True))
        cut = int((joined["finish_reason"] == "length").sum())
        self.cut[benchmark] += cut
        cell = Cell(run.model, run.dataset, run.method, benchmark, run.temperature)
        self.samples_of[cell] += len(joined)
        self.cut_of[cell] += cut


def comparison_table(comparisons: pd.DataFrame, labels: Labels) -> FactTable:
    rows = [
        [
            labels.dataset(row["dataset"]),
            labels.model(row["model"]),
            labels.benchmark(row["benchmark"]),
            f"{row['temperature']:g}",
            raised(row["k"], row["m"]),
            f"{labels.method(row['method'])} − {labels.method(row['reference'])}",
            f"{100 * row['difference']:+.2f}",
            f"{100 * row['low']:+.2f} to {100 * row['high']:+.2f}",
            f"{row['p_value']:.4f}",
            f"{row['p_holm']:.4f}",
            "–" if pd.isna(row["effect_size"]) else f"{row['effect_size']:+.2f}",
        ]
        for _, row in comparisons.iterrows()
    ]
    excluded = ", ".join(sorted(set(comparisons["excluded"]) - {""}))
    return FactTable(
        "Paired comparisons",
        "Differences in percentage points, problem by problem. p: two-sided sign-flip permutation test over problems. "
        "Holm: corrected for comparing several methods on the same metric. "
        "d: Cohen's d of the paired differences."
        + (f" Without {excluded}, which could not be judged." if excluded else ""),
        [
            ("Dataset", False),
            ("Model", False),
            ("Benchmark", False),
            ("T", True),
            ("Metric", False),
            ("Methods", False),
            ("Difference", True),
            ("95% interval", True),
            ("p", True),
            ("p (Holm)", True),
            ("d", True),
        ],
        rows,
    )


def memorization_table(scores: Mapping[tuple[str, str, str], pd.DataFrame], k: int, labels: Labels) -> FactTable:
    """Quartiles of Min-K% Prob per (model, dataset, group), and how far each group lies from its p0."""
    values = {key: scores_at(frame, k, "/".join(key)) for key, frame in scores.items()}
    rows = []
    for (model, dataset, group), own in values.items():
        base = values.get((model, dataset, "p0"))
        apart = separation(base, own) if group != "p0" and base is not None else None
        quartiles = pd.Series(own).quantile([0.25, 0.5, 0.75])
        rows.append(
            [
                labels.model(model),
                labels.dataset(dataset),
                _GROUPS.get(group, group),
                f"{len(own):,}",
                *(f"{value:.2f}" for value in quartiles),
                *((str(apart.overlap), str(apart.ks), str(apart.auroc)) if apart else ("", "", "")),
            ]
        )
    return FactTable(
        f"Min-{k}% Prob",
        "Lower = more memorized. Overlap, KS distance and AUROC (the chance that an example of p0 scores below one of "
        "this group) compare each group with p0: an overlap near 1 with p1 means that fine-tuning had little left to "
        "memorize, an AUROC near 0.5 with p2 that the base model does not know the data. In brackets: 95% bootstrap "
        "intervals.",
        [
            ("Model", False),
            ("Fine-tuning data", False),
            ("Scores", False),
            ("Examples", True),
            ("25%", True),
            ("Median", True),
            ("75%", True),
            ("Overlap", True),
            ("KS", True),
            ("AUROC", True),
        ],
        rows,
    )


def data_table(examples: Mapping[str, pd.DataFrame], labels: Labels) -> FactTable:
    rows = [
        [
            labels.dataset(name),
            ", ".join(sorted(set(frame["language"]))),
            f"{len(frame):,}",
            f"{frame['instruction'].str.len().mean():.0f}",
            f"{frame['response'].str.len().mean():.0f}",
        ]
        for name, frame in examples.items()
    ]
    return FactTable(
        "Datasets",
        "As they were scored and trained on. Lengths are means, in characters.",
        [("Dataset", False), ("Language", False), ("Examples", True), ("Instruction", True), ("Response", True)],
        rows,
    )


def selection_table(
    kept: Mapping[tuple[str, str, str], pd.DataFrame], examples: Mapping[str, pd.DataFrame], labels: Labels
) -> FactTable:
    """SELECTION by (model, dataset, method). Datasets that are not in `examples` show no share."""
    rows = []
    for (model, dataset, name), frame in kept.items():
        total = len(examples[dataset]) if dataset in examples else None
        share = f"{len(frame) / total:.0%} of {total:,}" if total else ""
        rows.append([labels.model(model), labels.dataset(dataset), labels.method(name), f"{len(frame):,}", share])
    return FactTable(
        "Selections",
        "Examples that were kept for fine-tuning.",
        [("Model", False), ("Dataset", False), ("Method", False), ("Kept", True), ("Share", True)],
        rows,
    )


def problem_table(
    excluded: Mapping[tuple[str, str], str], constant_passes: Collection[tuple[str, str]], labels: Labels
) -> FactTable:
    """Each (benchmark, task_id) that could not be judged, and why; and each that a constant passes."""
    rows = [[labels.benchmark(place), task_id, "no", reason] for (place, task_id), reason in sorted(excluded.items())]
    rows += [
        [labels.benchmark(place), task_id, "yes", "a constant passes"] for place, task_id in sorted(constant_passes)
    ]
    return FactTable(
        "Problems that say little or nothing",
        "Those that do not count could not be judged on this machine, for any method. A problem that a module with "
        "constant outputs passes counts, but a pass there shows little."
        if rows
        else "None: every problem could be judged, and none is passed by a constant.",
        [("Benchmark", False), ("Problem", False), ("Counts", False), ("Reason", False)],
        rows,
    )


def verdict_table(tally: Tally, labels: Labels) -> FactTable:
    rows = []
    for benchmark, total in tally.samples.items():
        differing = {status: n for (place, status), n in tally.only_official.items() if place == benchmark}
        rows.append(
            [
                labels.benchmark(benchmark),
                f"{total:,}",
                f"{tally.passed[benchmark]:,}",
                f"{tally.official[benchmark]:,}",
                f"{sum(differing.values()):,}",
                ", ".join(f"{n} {status.replace('_', ' ')}" for status, n in sorted(differing.items())),
                f"{tally.only_hardened[benchmark]:,}",
                f"{tally.cut[benchmark] / total:.1%}",
            ]
        )
    return FactTable(
        "Official against hardened verdicts",
        "All numbers of this report are hardened verdicts, which a completion cannot forge. The official column "
        "applies the upstream harness's rule to the letter. Cut: completions that hit the token limit.",
        [
            ("Benchmark", False),
            ("Samples", True),
            ("Passed", True),
            ("Officially", True),
            ("Only officially", True),
            ("of which we say", False),
            ("Only hardened", True),
            ("Cut", True),
        ],
        rows,
    )


def isolation_table(tally: Tally) -> FactTable:
    rows = [[level, _ISOLATION.get(level, ""), f"{n:,}"] for level, n in sorted(tally.isolation.items())]
    return FactTable(
        "Isolation of untrusted programs",
        "How samples were locked in while they ran.",
        [("Level", False), ("Means", False), ("Samples", True)],
        rows,
    )


def engine_table(tally: Tally) -> FactTable:
    rows = [[engine, version, profile, f"{n:,}"] for (engine, version, profile), n in sorted(tally.engines.items())]
    return FactTable(
        "Sampling engine",
        "What generated the samples, with which prompt profile.",
        [("Engine", False), ("Version", False), ("Profile", False), ("Samples", True)],
        rows,
    )


def version_table() -> FactTable:
    rows = [["Python", platform.python_version()], ["System", platform.platform()]]
    for package in _PACKAGES:
        try:
            rows.append([package, importlib.metadata.version(package)])
        except importlib.metadata.PackageNotFoundError:
            continue  # vLLM is optional
    return FactTable(
        "Versions", "Of the environment that wrote this report.", [("Package", False), ("Version", False)], rows
    )


def run_time_table(folder: Path) -> FactTable:
    """Sum Snakemake's benchmark files below `folder` per stage: its first folder, or the file's own name.

    Raises:
        UserError: a file is not one of Snakemake's.
    """
    stages: dict[str, list[pd.DataFrame]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        frame = pd.read_csv(path, sep="\t", na_values="-")
        if not {"s", "max_rss"} <= set(frame.columns):
            raise UserError(f"{path} is not a benchmark file of Snakemake: it has no columns s and max_rss")
        place = path.relative_to(folder).parts[0]
        stages.setdefault(place.removesuffix(".tsv"), []).append(frame)
    rows = []
    for stage, frames in stages.items():
        jobs = pd.concat(frames)
        peak = jobs["max_rss"].max()
        rows.append(
            [
                stage,
                f"{len(frames):,}",
                f"{jobs['s'].sum():,.1f}",
                f"{jobs['s'].max():,.1f}",
                "" if pd.isna(peak) else f"{peak:,.0f}",
            ]
        )
    return FactTable(
        "Run times",
        "Of the jobs as they last ran; jobs that ran side by side are summed.",
        [("Stage", False), ("Jobs", True), ("Seconds", True), ("Longest job (s)", True), ("Peak memory (MiB)", True)],
        rows,
    )


def run_time_csv(folder: Path) -> str:
    """`run_time_table` as CSV: times differ between equal runs, so they stand in no page that is compared."""
    table = run_time_table(folder)
    return pd.DataFrame(table.rows, columns=[title for title, _ in table.columns]).to_csv(index=False)
