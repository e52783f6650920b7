"""Seconds and memory from 1.1 million verdicts to metrics, tables and figures, by the workflow's own commands.

python perf/aggregation.py

5 models x 5 methods x 3 temperatures x 5 trials x 299 problems (Eval-Human and Eval-Machine) x 10 samples, made up.
Each command runs in a process of its own, as in a workflow; its peak resident memory is the system's own count.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from ibft.figures.catalogue import CATALOGUE, SEVERAL_TEMPERATURES
from ibft.metrics.runs import expand_runs
from ibft.paths import Run
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.parquet import write_table
from ibft.store.schemas import VERDICTS

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
PROBLEMS = {"eval-human": 156, "eval-machine": 143}
METHODS = {"base": "base", "ft": "ft", "ft-grand": "ft-grand", "ft-mink": "ft-mink", "ibft": "ibft"}
SAMPLES = 10
FIGURES = {
    name: entry.inputs
    for name, entry in CATALOGUE.items()
    if entry.shows == "run" and entry.needs in (None, SEVERAL_TEMPERATURES)
}
PROGRAM = "module top_module(input a, input b, output y);\n  assign y = a & b; // {}\nendmodule\n"


def main(arguments: argparse.Namespace) -> None:
    models = [f"model-{i}" for i in range(arguments.models)]
    runs = [[models, ["origen"], list(METHODS), [0], list(PROBLEMS), [0.2, 0.6, 1.0], list(range(5))]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = write_verdicts(folder / "verdicts", list(expand_runs(runs)))
        print(f"{rows:,} verdicts in {len(list(expand_runs(runs))):,} runs")
        costs = {title: measured(command) for title, command in commands(folder, runs).items()}
    print(f"{'':<20} {'wall s':>8} {'CPU s':>8} {'peak MiB':>9}")
    for title, cost in costs.items():
        print(f"{title:<20} {cost.wall_s:8.1f} {cost.cpu_s:8.1f} {cost.peak_mib:9.0f}")
    wall_s, cpu_s, peak_mib = (list(column) for column in zip(*costs.values(), strict=True))
    print(f"{'all':<20} {sum(wall_s):8.1f} {sum(cpu_s):8.1f} {max(peak_mib):9.0f}")


def write_verdicts(folder: Path, runs: list[Run]) -> int:
    """Made-up verdicts of all runs; how many there are."""
    rows = 0
    for number, run in enumerate(runs):
        random = np.random.default_rng(number)
        problems = PROBLEMS[run.benchmark]
        passed = random.random((problems, SAMPLES)) < random.beta(0.6, 0.9, problems)[:, None]
        count = problems * SAMPLES
        frame = pd.DataFrame(
            {
                "task_id": np.repeat([f"{run.benchmark}-{i:03d}" for i in range(problems)], SAMPLES),
                "sample": np.tile(np.arange(SAMPLES), problems),
                "status": np.where(passed.ravel(), "passed", random.choice(["mismatch", "syntax_error"], count)),
                "detail": "",
                "passed": passed.ravel(),
                "official_passed": passed.ravel(),
                "stderr_clean": True,
                "program": [PROGRAM.format(i) for i in random.integers(0, 10**9, count)],
                "isolation": "namespaces",
            }
        )
        write_table(folder / run.path, VERDICTS, frame)
        rows += count
    return rows


def commands(folder: Path, runs: list[Any]) -> dict[str, list[str]]:
    """Return the commands that the workflow would run, by what they make."""
    labels = {"methods": {name: name for name in METHODS}, "kinds": METHODS}
    verdicts, counts, metrics = (str(folder / n) for n in ("verdicts", "pass_counts.parquet", "metrics.parquet"))
    compared = ["--comparisons", str(folder / "comparisons.parquet")]
    tables = ["--job", json.dumps({"labels": labels}), "--output-dir", str(folder / "tables")]
    counted = json.dumps({"runs": runs})
    found = {
        "pass counts": ["count_passes.py", "--verdicts", verdicts, "--job", counted, "--output", counts],
        "metrics": ["compute_metrics.py", "--pass-counts", counts, "--job", "{}", "--output", metrics, *compared],
        "tables": ["write_tables.py", "--metrics", metrics, *tables],
    }
    paths = {"metrics": metrics, "pass_counts": counts, "verdicts": verdicts}
    for figure, names in FIGURES.items():
        inputs = [f"{name}={paths[name]}" for name in names]
        outputs = ["--output-png", str(folder / f"{figure}.png"), "--output-svg", str(folder / f"{figure}.svg")]
        job = json.dumps({"figure": figure, "labels": labels})
        found[figure] = ["draw_figure.py", "--job", job, "--input", *inputs, *outputs]
    return found


class Cost(NamedTuple):
    wall_s: float
    cpu_s: float
    peak_mib: float  # resident


def measured(command: list[str]) -> Cost:
    """Measure the cost of one of the workflow's scripts.

    Raises:
        SystemExit: it failed.
    """
    started = time.monotonic()
    script = str(SCRIPTS / command[0])
    process = os.posix_spawn(sys.executable, [sys.executable, script, *command[1:]], os.environ)
    _, status, usage = os.wait4(process, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    return Cost(time.monotonic() - started, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


if __name__ == "__main__":
    parser = stage_parser(__doc__)
    parser.add_argument("--models", type=int, default=5)
    run_stage(main, parser)
