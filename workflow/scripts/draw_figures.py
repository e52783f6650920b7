"""Draw one figure as PNG and SVG.

python workflow/scripts/draw_figures.py --figure pass_at_k --input metrics=results/metrics/metrics.parquet \\
    --settings '{"k": [1, 5, 10]}' --output-png pass_at_k.png --output-svg pass_at_k.svg

src/ibft/figures/catalogue.py lists the figures, the inputs of each and the config section that --settings holds.
Inputs are given as
  metrics, pass_counts, deciles, correlations   NAME=PATH, of all runs
  verdicts                                      verdicts=FOLDER
  scores                                        p0=PATH [p1=PATH] [p2=PATH]
  pairs                                         METHOD=PATH for each method
  logs                                          METHOD/seedS=PATH for each trained variant
"""

import argparse
from importlib import import_module
from pathlib import Path
from types import ModuleType

from ibft.figures.inputs import arguments_of, keyed_path
from ibft.figures.style import drawn_literally, literal, save
from ibft.labels import Labels
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.code_digest import code_digest


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.fromfile_prefix_chars = "@"
    arguments.add_argument("--figure", required=True, help="its name in the catalogue")
    arguments.add_argument("--input", type=keyed_path, nargs="+", action="extend", required=True, metavar="KEY=PATH")
    arguments.add_argument("--settings", default="{}", help="the config section of the figure, as JSON")
    arguments.add_argument("--labels", default="{}", help="labels of models, datasets, methods, benchmarks, as JSON")
    arguments.add_argument(
        "--subject", default="", help="for the title: the model and dataset that the figure is about"
    )
    arguments.add_argument("--output-png", type=Path, required=True)
    arguments.add_argument("--output-svg", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    module = module_of(arguments.figure)
    labels = drawn_literally(Labels.model_validate_json(arguments.labels))
    offered = {"labels": labels, "subject": literal(arguments.subject)}
    figure = module.draw(**arguments_of(module.draw, arguments.input, arguments.settings, **offered))
    save(figure, arguments.output_png, arguments.output_svg, code=code_digest(Path(__file__), module.__name__))


def module_of(figure: str) -> ModuleType:
    """Import the module of a figure by name, so that an edit of one figure redraws it alone.

    Raises:
        UserError: no figure is called so.
    """
    name = f"ibft.figures.{figure}"
    try:
        module = import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        module = None
    if not hasattr(module, "draw"):
        raise UserError(f"unknown figure {figure!r}: src/ibft/figures/catalogue.py lists those that there are")
    return module


if __name__ == "__main__":
    run_stage(main, parser())
