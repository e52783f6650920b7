"""These tables of the report describe the results: comparisons, verdicts, problems, software and run times."""

import importlib.metadata
import math
import platform
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from ibft.config.sections import Metrics
from ibft.labels import Labels, by_place, headline_grid, in_order, raised, rows_at
from ibft.paths import Run
from ibft.runtime.errors import UserError
from ibft.runtime.stage import usage_file
from ibft.tables.comparisons import DISCORDANT, about_seeds, decision
from ibft.tables.render import TextTable

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
_RUN_TIMES = ("Jobs", "Seconds", "Processor seconds", "Longest job (s)", "Peak memory (MiB)")


class Cell(NamedTuple):
    """A cell holds all training seeds and trials of one method on one benchmark at one temperature."""

    model: str
    dataset: str
    method: str
    benchmark: str
    temperature: float


@dataclass
class Tally:
    """A tally counts samples and verdicts as they pass by, run by run."""

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


def comparison_table(comparisons: pd.DataFrame, labels: Labels) -> TextTable:
    rows = [
        [
            labels.dataset(row["dataset"]),
            labels.model(row["model"]),
            labels.benchmark(row["benchmark"]),
            f"{row['temperature']:g}",
            raised(row["k"], row["m"]),
            f"{labels.method(row['method'])} − {labels.method(row['reference'])}",
            f"{100 * row['difference']:+.2f}",
            f"{row['discordant']} of {row['problems']}",
            interval,
            "–" if pd.isna(row["p_value"]) else f"{row['p_value']:.4f}",
            p_holm,
            "–" if pd.isna(row["effect_size"]) else f"{row['effect_size']:+.2f}",
        ]
        for _, row in comparisons.iterrows()
        for interval, p_holm in [decision(row)]
    ]
    excluded = ", ".join(sorted(set(comparisons["excluded"]) - {""}))
    return TextTable(
        "Paired comparisons",
        f"Differences in percentage points, problem by problem. {about_seeds(comparisons)} {DISCORDANT} p: two-sided "
        "paired test. Holm: over all comparisons but the primary endpoint; points of sweeps among themselves. "
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
            ("Differ", True),
            ("95% interval", True),
            ("p", True),
            ("p (Holm)", True),
            ("d", True),
        ],
        rows,
    )


def official_table(metrics: pd.DataFrame, labels: Labels, settings: Metrics) -> TextTable:
    """Show both estimates and their difference per method, place, temperature and metric of the headline table."""
    rows = []
    for place, of_place in by_place(rows_at(metrics, headline_grid(settings)), labels):
        for method in in_order(list(of_place["method"]), labels.methods):
            for _, row in of_place[of_place["method"] == method].iterrows():
                rows.append(
                    [
                        labels.dataset(place.dataset),
                        labels.model(place.model),
                        labels.benchmark(place.benchmark),
                        labels.method(method),
                        f"{row['temperature']:g}",
                        raised(row["k"], row["m"]),
                        f"{100 * row['official_estimate']:.2f}",
                        f"{100 * row['estimate']:.2f}",
                        f"{100 * (row['estimate'] - row['official_estimate']):+.2f}",
                    ]
                )
    return TextTable(
        "Pass@k by the official rule and by ours",
        "In percent. Officially: the upstream harness's rule to the letter, over all problems; those that this machine "
        "cannot judge count as the harness counts them. Ours: the hardened verdicts, over the problems that can be "
        "judged. Published numbers are comparable with the first.",
        [
            ("Dataset", False),
            ("Model", False),
            ("Benchmark", False),
            ("Method", False),
            ("T", True),
            ("Metric", False),
            ("Officially", True),
            ("Ours", True),
            ("Difference", True),
        ],
        rows,
    )


def verdict_table(tally: Tally, labels: Labels) -> TextTable:
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
    return TextTable(
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


def problem_table(
    excluded: Mapping[tuple[str, str], str], doubtful: Mapping[tuple[str, str], str], labels: Labels
) -> TextTable:
    """Show each (benchmark, task_id) that could not be judged, and each that counts and says little, and why."""
    rows = [[labels.benchmark(place), task_id, "no", reason] for (place, task_id), reason in sorted(excluded.items())]
    rows += [[labels.benchmark(place), task_id, "yes", reason] for (place, task_id), reason in sorted(doubtful.items())]
    return TextTable(
        "Problems that say little or nothing",
        "Those that do not count could not be judged on this machine, for any method. A problem that a module with "
        "constant outputs passes counts, but a pass there shows little. One with a defect that was reported upstream "
        "counts as it is."
        if rows
        else "None: every problem could be judged, none is passed by a constant, and none has a known defect.",
        [("Benchmark", False), ("Problem", False), ("Counts", False), ("Reason", False)],
        rows,
    )


def isolation_table(tally: Tally) -> TextTable:
    rows = [[level, _ISOLATION.get(level, ""), f"{n:,}"] for level, n in sorted(tally.isolation.items())]
    return TextTable(
        "Isolation of untrusted programs",
        "How samples were locked in while they ran.",
        [("Level", False), ("Means", False), ("Samples", True)],
        rows,
    )


def engine_table(tally: Tally) -> TextTable:
    rows = [[engine, version, profile, f"{n:,}"] for (engine, version, profile), n in sorted(tally.engines.items())]
    return TextTable(
        "Sampling engine",
        "What generated the samples, with which prompt profile.",
        [("Engine", False), ("Version", False), ("Profile", False), ("Samples", True)],
        rows,
    )


def version_table() -> TextTable:
    rows = [["Python", platform.python_version()], ["System", platform.platform()]]
    for package in _PACKAGES:
        try:
            rows.append([package, importlib.metadata.version(package)])
        except importlib.metadata.PackageNotFoundError:
            continue  # vLLM is optional
    return TextTable(
        "Versions", "Of the environment that wrote this report.", [("Package", False), ("Version", False)], rows
    )


def run_time_table(folder: Path) -> TextTable:
    """Sum Snakemake's benchmark files below `folder` per stage: its first folder, or the file's own name.

    Processor time and memory come from what jobs note beside their logs, in the folder `logs` next to `folder`.

    Raises:
        UserError: a file is not one of Snakemake's.
    """
    stages: dict[str, list[_Usage]] = {}
    for path in sorted(folder.rglob("*.tsv")):
        place = path.relative_to(folder)
        used = usage_file(folder.with_name("logs") / place)
        stages.setdefault(place.parts[0].removesuffix(".tsv"), []).append(_used(path, used))
    return TextTable(
        "Run times",
        "Of the jobs as they last ran; jobs that ran side by side are summed.",
        [("Stage", False), *((title, True) for title in _RUN_TIMES)],
        [[stage, *_summed(jobs)] for stage, jobs in stages.items()],
    )


class _Usage(NamedTuple):
    seconds: float
    cpu_s: float  # NaN, as the next, where the job has noted nothing
    peak_mib: float


def _used(benchmark: Path, usage: Path) -> _Usage:
    """Read what a job used.

    Raises:
        UserError: `benchmark` is not a file of Snakemake's.
    """
    frame = pd.read_csv(benchmark, sep="\t", na_values="-")
    if "s" not in frame.columns:
        raise UserError(f"{benchmark} is not a benchmark file of Snakemake: it has no column s")
    noted = pd.read_csv(usage, sep="\t").iloc[0] if usage.exists() else {"cpu_s": math.nan, "peak_mib": math.nan}
    return _Usage(float(frame["s"].sum()), float(noted["cpu_s"]), float(noted["peak_mib"]))


def _summed(jobs: list[_Usage]) -> list[str]:
    seconds, cpu_s, peak_mib = (np.array(values) for values in zip(*jobs, strict=True))
    noted = np.isfinite(cpu_s)
    return [
        f"{len(jobs):,}",
        f"{seconds.sum():,.1f}",
        f"{cpu_s[noted].sum():,.1f}" if noted.any() else "",
        f"{seconds.max():,.1f}",
        f"{peak_mib[noted].max():,.0f}" if noted.any() else "",
    ]


def run_time_csv(folder: Path) -> str:
    """Write `run_time_table` as CSV: times differ between equal runs, so they stand in no page that is compared."""
    table = run_time_table(folder)
    return pd.DataFrame(table.rows, columns=[title for title, _ in table.columns]).to_csv(index=False)
