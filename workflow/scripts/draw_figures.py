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
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from ibft import storage
from ibft.config.memorization import Memorization
from ibft.config.metrics import Metrics
from ibft.figures import (
    geometry,
    gradient_imbalance,
    memorization,
    overall,
    pass_at_k,
    pass_heatmap,
    removal_ratio,
    sensitivity,
    status_composition,
    strict_pass,
    strict_pass_curve,
    temperature,
    training_curves,
)
from ibft.figures.inputs import keyed_path, only
from ibft.figures.style import drawn_literally, literal, save
from ibft.metrics.counting import judged
from ibft.metrics.labels import Labels
from ibft.metrics.runs import read_runs, runs_of
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage, stage_parser
from ibft.tables import (
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
Drawer = Callable[[Inputs, argparse.Namespace, Labels], Figure]


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
    figure = DRAWERS[arguments.figure](arguments.input, arguments, labels)
    save(figure, arguments.output_png, arguments.output_svg)


def one(inputs: Inputs, key: str, table: Table) -> pd.DataFrame:
    return storage.read_table(only(inputs, key, "this figure"), table)


def of_metrics(draw: Callable[[pd.DataFrame, Labels, Metrics], Figure]) -> Drawer:
    def drawer(inputs: Inputs, arguments: argparse.Namespace, labels: Labels) -> Figure:
        return draw(one(inputs, "metrics", METRICS), labels, Metrics.model_validate_json(arguments.settings))

    return drawer


def draw_memorization(inputs: Inputs, arguments: argparse.Namespace, labels: Labels) -> Figure:
    scores = {group: storage.read_table(path, MEMORIZATION) for group, path in inputs}
    return memorization.draw(scores, Memorization.model_validate_json(arguments.settings), literal(arguments.subject))


def draw_gradient_imbalance(inputs: Inputs, arguments: argparse.Namespace, labels: Labels) -> Figure:
    return gradient_imbalance.draw(
        one(inputs, "deciles", GRADIENT_DECILES),
        one(inputs, "correlations", GRADIENT_CORRELATIONS),
        Memorization.model_validate_json(arguments.settings),
        literal(arguments.subject),
    )


def draw_geometry(inputs: Inputs, arguments: argparse.Namespace, labels: Labels) -> Figure:
    pairs = {method: storage.read_table(path, GEOMETRY) for method, path in inputs}
    return geometry.draw(pairs, labels, literal(arguments.subject))


def draw_training_curves(inputs: Inputs, arguments: argparse.Namespace, labels: Labels) -> Figure:
    logs = {variant(key): storage.read_table(path, TRAINING_LOG) for key, path in inputs}
    return training_curves.draw(logs, labels, literal(arguments.subject))


def variant(key: str) -> tuple[str, int]:
    """`METHOD/seedS` as (method, seed)."""
    match = re.fullmatch(r"([^/]+)/seed(-?\d+)", key)
    if match is None:
        raise UserError(f"the key {key!r} of a training log is not of the form METHOD/seedS")
    return match[1], int(match[2])


def draw_status_composition(inputs: Inputs, arguments: argparse.Namespace, labels: Labels) -> Figure:
    pass_counts = judged(one(inputs, "pass_counts", PASS_COUNTS))
    folder = only(inputs, "verdicts", "this figure")
    verdicts = read_runs(folder, VERDICTS, runs_of(pass_counts), ["task_id", "status"])
    return status_composition.draw(status_composition.count_statuses(verdicts, pass_counts), labels)


def draw_pass_heatmap(inputs: Inputs, arguments: argparse.Namespace, labels: Labels) -> Figure:
    return pass_heatmap.draw(judged(one(inputs, "pass_counts", PASS_COUNTS)), labels)


DRAWERS: dict[str, Drawer] = {
    "pass_at_k": of_metrics(pass_at_k.draw),
    "strict_pass": of_metrics(strict_pass.draw),
    "strict_pass_curve": of_metrics(strict_pass_curve.draw),
    "overall": of_metrics(overall.draw),
    "temperature": of_metrics(temperature.draw),
    "removal_ratio": of_metrics(removal_ratio.draw),
    "sensitivity": of_metrics(sensitivity.draw),
    "memorization": draw_memorization,
    "gradient_imbalance": draw_gradient_imbalance,
    "geometry": draw_geometry,
    "training_curves": draw_training_curves,
    "status_composition": draw_status_composition,
    "pass_heatmap": draw_pass_heatmap,
}


if __name__ == "__main__":
    run_stage(main, parser())
