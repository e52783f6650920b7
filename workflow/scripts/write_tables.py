"""Write the headline table: Parquet, CSV (all numbers, one a line), Markdown and LaTeX (the paper's Table 1).

python workflow/scripts/write_tables.py --metrics metrics.parquet --labels '{"methods": {"ft": "FT"}}' \\
    --settings '{"k": [1, 5, 10]}' --output-dir results/tables

Writes headline.parquet, headline.csv, headline.md and headline.tex.
"""

import argparse
from pathlib import Path

from ibft import storage
from ibft.config import Metrics
from ibft.metrics.headline import headline
from ibft.metrics.labels import Labels
from ibft.metrics.rendering import latex, markdown
from ibft.stage import run_stage, stage_parser
from ibft.tables import HEADLINE, METRICS


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--metrics", type=Path, required=True, help="Parquet table `metrics`")
    arguments.add_argument("--labels", default="{}", help="labels of models, datasets, methods, benchmarks, as JSON")
    arguments.add_argument("--settings", required=True, help="config section `metrics`, as JSON")
    arguments.add_argument("--output-dir", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    table = headline(
        storage.read_table(arguments.metrics, METRICS),
        Labels.model_validate_json(arguments.labels),
        Metrics.model_validate_json(arguments.settings),
    )
    folder = arguments.output_dir
    storage.write_table(folder / "headline.parquet", HEADLINE, table)
    storage.write_bytes(folder / "headline.csv", table.to_csv(index=False, float_format="%.6g").encode())
    storage.write_bytes(folder / "headline.md", markdown(table).encode())
    storage.write_bytes(folder / "headline.tex", latex(table).encode())


if __name__ == "__main__":
    run_stage(main, parser())
