"""Draw one figure as PNG and SVG.

python workflow/scripts/draw_figure.py --input metrics=results/metrics/all/metrics.parquet \\
    --job '{"figure": "pass_at_k", "settings": {"k": [1, 5, 10]}}' --output-png pass_at_k.png --output-svg pass_at_k.svg

src/ibft/figures/catalogue.py lists the figures, the inputs of each, and the section that `settings` holds.
Inputs are given as
  metrics, pass_counts, deciles, correlations   NAME=PATH, of all runs
  verdicts                                      verdicts=FOLDER
  scores                                        p0=PATH [p1-seedS=PATH for each training seed] [p2=PATH] [p3=PATH]
  pairs, logs, watched, held_out                METHOD/seedS=PATH for each variant
  searched                                      MODEL/DATASET/METHOD/seedS=PATH for each variant
"""

import argparse
from importlib import import_module
from pathlib import Path
from types import ModuleType

from ibft.config.jobs import DrawFigure, job_parser
from ibft.figures.inputs import arguments_of, keyed_path
from ibft.figures.style import drawn_literally, literal, save
from ibft.labels import Labels
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage
from ibft.store.code_digest import code_digest


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, DrawFigure)
    arguments.add_argument("--input", type=keyed_path, nargs="+", action="extend", required=True, metavar="KEY=PATH")
    arguments.add_argument("--output-png", type=Path, required=True)
    arguments.add_argument("--output-svg", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    job: DrawFigure = arguments.job
    module = module_of(job.figure)
    offered = {"labels": drawn_literally(Labels.model_validate(job.labels)), "subject": literal(job.subject)}
    figure = module.draw(**arguments_of(module.draw, arguments.input, job.settings, **offered))
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
