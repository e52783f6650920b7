"""Fill one of the paper's tables, in its own layout, with the numbers of a run.

python workflow/scripts/write_paper_table.py --metrics metrics.parquet \\
    --job '{"layout": "table_1", "labels": {"methods": {"ft": "FT"}}}' \\
    --output-markdown table_1.md --output-latex table_1.tex
"""

import argparse
from pathlib import Path

from ibft.config.jobs import WritePaperTable, job_parser
from ibft.labels import Labels
from ibft.runtime.stage import run_stage
from ibft.store import parquet
from ibft.store.manifests import write_output
from ibft.store.schemas import METRICS
from ibft.tables.paper import filled, layout_latex, layout_markdown
from ibft.tables.paper_layouts import LAYOUTS


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, WritePaperTable)
    arguments.add_argument("--metrics", type=Path, required=True, help="Parquet table `metrics`")
    arguments.add_argument("--output-markdown", type=Path, required=True)
    arguments.add_argument("--output-latex", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    layout = LAYOUTS[arguments.job.layout]
    block = filled(layout, parquet.read_table(arguments.metrics, METRICS), Labels.model_validate(arguments.job.labels))
    write_output(arguments.output_markdown, layout_markdown(layout, block).encode())
    write_output(arguments.output_latex, layout_latex(layout, block).encode())


if __name__ == "__main__":
    run_stage(main, parser())
