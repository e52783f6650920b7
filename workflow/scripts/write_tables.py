"""Write the headline table, and the comparison with the paper's numbers.

python workflow/scripts/write_tables.py --metrics metrics.parquet --labels '{"methods": {"ft": "FT"}}' \\
    --settings '{"k": [1, 5, 10]}' --output-dir results/tables

Writes headline and paper_comparison as .parquet, .csv (all numbers, one a line) and .md, and headline.tex.
"""

import argparse
from pathlib import Path

from ibft.config.metrics import Metrics
from ibft.labels import Labels
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store import parquet
from ibft.store.manifests import write_output
from ibft.store.schemas import HEADLINE, METRICS, PAPER_COMPARISON
from ibft.tables.headline import headline, headline_latex, headline_markdown
from ibft.tables.paper import paper_comparison, paper_comparison_markdown, paper_numbers
from ibft.tables.render import as_csv


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--metrics", type=Path, required=True, help="Parquet table `metrics`")
    arguments.add_argument("--labels", default="{}", help="labels of models, datasets, methods, benchmarks, as JSON")
    arguments.add_argument("--settings", required=True, help="config section `metrics`, as JSON")
    arguments.add_argument("--output-dir", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    metrics = parquet.read_table(arguments.metrics, METRICS)
    labels = Labels.model_validate_json(arguments.labels)
    table = headline(metrics, labels, Metrics.model_validate_json(arguments.settings))
    comparison = paper_comparison(table, paper_numbers())
    folder: Path = arguments.output_dir
    for name, kind, rows, text in (
        ("headline", HEADLINE, table, headline_markdown(table)),
        ("paper_comparison", PAPER_COMPARISON, comparison, paper_comparison_markdown(comparison)),
    ):
        parquet.write_table(folder / f"{name}.parquet", kind, rows)
        write_output(folder / f"{name}.csv", as_csv(rows))
        write_output(folder / f"{name}.md", text.encode())
    write_output(folder / "headline.tex", headline_latex(table).encode())


if __name__ == "__main__":
    run_stage(main, parser())
