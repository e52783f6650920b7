"""Draw the paper's Tables 1 and A1 and its Figures 1b, 2a and 2b from the paper's own numbers.

python workflow/scripts/redraw_paper.py --output-dir paper

What a run draws from its metrics is drawn here from what the paper prints, by the same functions: whoever knows the
paper can check them by eye. Figure 1b lacks its spokes for k = 5, as no table of the paper gives Pass@5^(5).
"""

import argparse
from pathlib import Path

from ibft.config.sections import Metrics
from ibft.figures import pass_at_k, pass_at_k_m, radar
from ibft.figures.style import save
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store import parquet
from ibft.store.manifests import write_output
from ibft.store.schemas import METRICS
from ibft.tables.paper import LABELS, SETTINGS, as_printed, layout_latex, layout_markdown, paper_metrics, paper_numbers
from ibft.tables.paper_layouts import LAYOUTS


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--output-dir", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    folder: Path = arguments.output_dir
    metrics = paper_metrics(paper_numbers())
    parquet.write_table(folder / "metrics.parquet", METRICS, metrics)
    for layout in LAYOUTS.values():
        block = as_printed(layout)
        write_output(folder / f"{layout.name}.md", layout_markdown(layout, block).encode())
        write_output(folder / f"{layout.name}.tex", layout_latex(layout, block).encode())
    of_table_1 = metrics[metrics["dataset"] == LAYOUTS["table_1"].dataset]
    for name, figure in {
        "figure_1b": radar.draw(of_table_1, LABELS, Metrics(k=(1, 10))),
        "figure_2a": pass_at_k.draw(of_table_1, LABELS, SETTINGS),
        "figure_2b": pass_at_k_m.draw(of_table_1, LABELS, SETTINGS),
    }.items():
        save(figure, folder / f"{name}.png", folder / f"{name}.svg")


if __name__ == "__main__":
    run_stage(main, parser())
