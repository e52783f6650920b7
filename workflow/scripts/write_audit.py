"""Write the audit of a dataset: how much of it a model knows already, and what to do about it, as one HTML file.

python workflow/scripts/write_audit.py --job @job.json --examples results/examples/mine.parquet \\
    --traces results/traces/smollm2-135m/mine/mine.parquet \\
    --reference results/traces/smollm2-135m/mine/fictitious-authors.parquet \\
    --contamination humaneval=results/contamination/mine/humaneval.parquet \\
    --output audit.html --table audit.csv
"""

import argparse
from pathlib import Path

from ibft.config.jobs import WriteAudit, job_parser
from ibft.figures.inputs import keyed_path
from ibft.report.audit import answer, page
from ibft.report.audit_evidence import Audit
from ibft.runtime.stage import run_stage
from ibft.store.files import write_bytes
from ibft.store.manifests import write_output
from ibft.store.parquet import read_table
from ibft.store.schemas import CONTAMINATION, EXAMPLES, INFLUENCE, TRACES
from ibft.tables.render import as_csv


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, WriteAudit)
    arguments.add_argument("--examples", type=Path, required=True, help="Parquet table `examples`")
    arguments.add_argument("--traces", type=Path, required=True, help="Parquet table `traces` of the examples")
    arguments.add_argument("--reference", type=Path, required=True, help="Parquet table `traces` of the reference")
    arguments.add_argument("--influence", type=Path, nargs="?", help="Parquet table `influence` of the examples")
    arguments.add_argument(
        "--contamination", type=keyed_path, nargs="*", default=[], metavar="BENCHMARK=PATH", help="tables"
    )
    arguments.add_argument("--output", type=Path, required=True, help="HTML file to write")
    arguments.add_argument("--table", type=Path, required=True, help="CSV file, a row per example")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    audit = Audit(
        job=arguments.job,
        examples=read_table(arguments.examples, EXAMPLES),
        data=read_table(arguments.traces, TRACES),
        reference=read_table(arguments.reference, TRACES),
        influence=read_table(arguments.influence, INFLUENCE) if arguments.influence else None,
        contamination={name: read_table(path, CONTAMINATION) for name, path in arguments.contamination},
    )
    write_output(arguments.output, page(audit).encode(), answer=answer(audit))
    write_bytes(arguments.table, as_csv(audit.decisions))


if __name__ == "__main__":
    run_stage(main, parser())
