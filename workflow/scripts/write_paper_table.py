"""Fill one of the paper's tables, in its own layout, with the numbers of a run.

python workflow/scripts/write_paper_table.py --layout table_1 --metrics metrics.parquet \\
    --labels '{"methods": {"ft": "FT"}}' --output-markdown table_1.md --output-latex table_1.tex
"""

import argparse
from pathlib import Path

from ibft.labels import Labels
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store import parquet
from ibft.store.manifests import write_output
from ibft.store.schemas import METRICS
from ibft.tables.paper import LAYOUTS, filled, layout_latex, layout_markdown


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--layout", choices=list(LAYOUTS), required=True, help="which table")
    arguments.add_argument("--metrics", type=Path, required=True, help="Parquet table `metrics`")
    arguments.add_argument("--labels", default="{}", help="labels of models, datasets, methods, benchmarks, as JSON")
    arguments.add_argument("--output-markdown", type=Path, required=True)
    arguments.add_argument("--output-latex", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    layout = LAYOUTS[arguments.layout]
    block = filled(layout, parquet.read_table(arguments.metrics, METRICS), Labels.model_validate_json(arguments.labels))
    write_output(arguments.output_markdown, layout_markdown(layout, block).encode())
    write_output(arguments.output_latex, layout_latex(layout, block).encode())


if __name__ == "__main__":
    run_stage(main, parser())
