"""Draw one figure as PNG and SVG.

python workflow/scripts/draw_figures.py --figure pass_at_k --input metrics=results/metrics/metrics.parquet \\
    --settings '{"k": [1, 5, 10]}' --output-png pass_at_k.png --output-svg pass_at_k.svg

--figure, its inputs, and the config section that --settings holds:
  pass_at_k, strict_pass, strict_pass_curve, overall, temperature, removal_ratio, sensitivity
                      metrics=PATH                                                                  metrics
  memorization        p0=PATH [p1=PATH] [p2=PATH]                                                   memorization
  gradient_imbalance  deciles=PATH correlations=PATH                                                memorization
  geometry            METHOD=PATH for each method
  training_curves     METHOD/seedS=PATH for each trained variant
  status_composition  pass_counts=PATH (of all runs) verdicts=FOLDER
  pass_heatmap        pass_counts=PATH (of all runs)
"""

import argparse
import re
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pandas as pd
from matplotlib.figure import Figure

from ibft.config.memorization import Memorization
from ibft.config.metrics import Metrics
from ibft.figures.inputs import keyed_path, only
from ibft.figures.style import drawn_literally, literal, save
from ibft.labels import Labels
from ibft.metrics.aggregate import judged
from ibft.metrics.runs import read_runs, runs_of
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store import parquet
from ibft.store.code_digest import code_digest
from ibft.store.schemas import (
    GEOMETRY,
    GRADIENT_CORRELATIONS,
    GRADIENT_DECILES,
    MEMORIZATION,
    METRICS,
    PASS_COUNTS,
    TRAINING_LOG,
    VERDICTS,
    Table,
)

Inputs = list[tuple[str, Path]]
Drawer = Callable[[ModuleType, argparse.Namespace, Labels], Figure]


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.fromfile_prefix_chars = "@"
    arguments.add_argument("--figure", choices=sorted(DRAWERS), required=True)
    arguments.add_argument("--input", type=keyed_path, nargs="+", action="extend", required=True, metavar="KEY=PATH")
    arguments.add_argument("--settings", default="{}", help="the config section above, as JSON")
    arguments.add_argument("--labels", default="{}", help="labels of models, datasets, methods, benchmarks, as JSON")
    arguments.add_argument(
        "--subject", default="", help="for the title: the model and dataset that the figure is about"
    )
    arguments.add_argument("--output-png", type=Path, required=True)
    arguments.add_argument("--output-svg", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    labels = drawn_literally(Labels.model_validate_json(arguments.labels))
    name = f"ibft.figures.{arguments.figure}"  # imported here, so that an edit of one figure redraws it alone
    figure = DRAWERS[arguments.figure](import_module(name), arguments, labels)
    save(figure, arguments.output_png, arguments.output_svg, code=code_digest(Path(__file__), name))


def one(inputs: Inputs, key: str, table: Table) -> pd.DataFrame:
    return parquet.read_table(only(inputs, key, "this figure"), table)


def draw_metrics(figure: ModuleType, arguments: argparse.Namespace, labels: Labels) -> Figure:
    metrics, settings = one(arguments.input, "metrics", METRICS), Metrics.model_validate_json(arguments.settings)
    return figure.draw(metrics, labels, settings)


def draw_memorization(figure: ModuleType, arguments: argparse.Namespace, labels: Labels) -> Figure:
    scores = {group: parquet.read_table(path, MEMORIZATION) for group, path in arguments.input}
    return figure.draw(scores, Memorization.model_validate_json(arguments.settings), literal(arguments.subject))


def draw_gradient_imbalance(figure: ModuleType, arguments: argparse.Namespace, labels: Labels) -> Figure:
    return figure.draw(
        one(arguments.input, "deciles", GRADIENT_DECILES),
        one(arguments.input, "correlations", GRADIENT_CORRELATIONS),
        Memorization.model_validate_json(arguments.settings),
        literal(arguments.subject),
    )


def draw_geometry(figure: ModuleType, arguments: argparse.Namespace, labels: Labels) -> Figure:
    pairs = {method: parquet.read_table(path, GEOMETRY) for method, path in arguments.input}
    return figure.draw(pairs, labels, literal(arguments.subject))


def draw_training_curves(figure: ModuleType, arguments: argparse.Namespace, labels: Labels) -> Figure:
    logs = {variant(key): parquet.read_table(path, TRAINING_LOG) for key, path in arguments.input}
    return figure.draw(logs, labels, literal(arguments.subject))


def variant(key: str) -> tuple[str, int]:
    """`METHOD/seedS` as (method, seed)."""
    match = re.fullmatch(r"([^/]+)/seed(-?\d+)", key)
    if match is None:
        raise UserError(f"the key {key!r} of a training log is not of the form METHOD/seedS")
    return match[1], int(match[2])


def draw_status_composition(figure: ModuleType, arguments: argparse.Namespace, labels: Labels) -> Figure:
    pass_counts = judged(one(arguments.input, "pass_counts", PASS_COUNTS))
    folder = only(arguments.input, "verdicts", "this figure")
    verdicts = read_runs(folder, VERDICTS, runs_of(pass_counts), ["task_id", "status"])
    return figure.draw(figure.count_statuses(verdicts, pass_counts), labels)


def draw_pass_heatmap(figure: ModuleType, arguments: argparse.Namespace, labels: Labels) -> Figure:
    return figure.draw(judged(one(arguments.input, "pass_counts", PASS_COUNTS)), labels)


DRAWERS: dict[str, Drawer] = {
    "pass_at_k": draw_metrics,
    "strict_pass": draw_metrics,
    "strict_pass_curve": draw_metrics,
    "overall": draw_metrics,
    "temperature": draw_metrics,
    "removal_ratio": draw_metrics,
    "sensitivity": draw_metrics,
    "memorization": draw_memorization,
    "gradient_imbalance": draw_gradient_imbalance,
    "geometry": draw_geometry,
    "training_curves": draw_training_curves,
    "status_composition": draw_status_composition,
    "pass_heatmap": draw_pass_heatmap,
}


if __name__ == "__main__":
    run_stage(main, parser())
