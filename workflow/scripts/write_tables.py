"""Write the headline table, and the comparison with the paper's numbers.

python workflow/scripts/write_tables.py --metrics metrics.parquet --output-dir results/tables/all \\
    --job '{"metrics": {"k": [1, 5, 10]}, "labels": {"methods": {"ft": "FT"}}}'

Writes headline and paper_comparison as .parquet, .csv (all numbers, one a line) and .md, and headline.tex.
"""

import argparse
from pathlib import Path

from ibft.config.jobs import WriteTables, job_parser
from ibft.labels import Labels
from ibft.runtime.stage import run_stage
from ibft.store import parquet
from ibft.store.manifests import write_output
from ibft.store.schemas import HEADLINE, METRICS, PAPER_COMPARISON
from ibft.tables.headline import headline, headline_latex, headline_markdown
from ibft.tables.paper import paper_comparison, paper_comparison_markdown, paper_numbers
from ibft.tables.render import as_csv


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, WriteTables)
    arguments.add_argument("--metrics", type=Path, required=True, help="Parquet table `metrics`")
    arguments.add_argument("--output-dir", type=Path, required=True)
    return arguments


def main(arguments: argparse.Namespace) -> None:
    metrics = parquet.read_table(arguments.metrics, METRICS)
    job: WriteTables = arguments.job
    labels = Labels.model_validate(job.labels)
    table = headline(metrics, labels, job.metrics)
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
