"""Judge samples: run every completion in the sandbox and write one verdict per sample.

python workflow/scripts/execute.py --problems results/problems/rtl-mini.parquet --samples samples.parquet \\
    --job '{"execution": {"verilog_timeout_s": 30}}' --workers 2 --output verdicts.parquet

Reference solutions are run here where `--references` is left out, or was measured with another version of Icarus
Verilog. A killed run resumes from the journal beside its output. Problems that this machine cannot judge are named,
with the reason, under `excluded` in the manifest.
"""

import argparse
import logging
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from ibft.config.jobs import Execute, job_parser
from ibft.execution.judge import Judge, Sample
from ibft.execution.references import References
from ibft.execution.tests_key import FILE_NAME, tests_key
from ibft.execution.verdict_table import write_verdicts
from ibft.execution.verilog.toolchain import tools_of
from ibft.runtime.stage import run_stage
from ibft.store.journal import journal_key
from ibft.store.parquet import check_table, count_rows, read_table
from ibft.store.schemas import PROBLEMS, REFERENCES, SAMPLES

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, Execute)
    arguments.add_argument("--problems", type=Path, required=True, help="Parquet table `problems`")
    arguments.add_argument("--samples", type=Path, required=True, help="Parquet table `samples`")
    arguments.add_argument("--references", type=Path, help="Parquet table `references` (default: they are run here)")
    arguments.add_argument("--workers", type=int, default=1, help="completions judged at the same time")
    arguments.add_argument(
        "--tests-key",
        type=Path,
        help="file of the secret behind the tests' random numbers, made where it is absent (default: .tests-key beside "
        "the output)",
    )
    arguments.add_argument("--output", type=Path, required=True, help="Parquet table `verdicts`")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    job: Execute = arguments.job
    settings = job.execution
    problems = read_table(arguments.problems, PROBLEMS)
    check_table(arguments.samples, SAMPLES)
    tools = "".join(map(tools_of, sorted(set(problems["language"]))))
    references = read_references(arguments.references)
    secret = tests_key(arguments.tests_key or arguments.output.with_name(FILE_NAME))
    with Judge(problems, settings, arguments.workers, key=secret, as_is=job.as_is, references=references) as judge:
        inputs = [arguments.problems, arguments.samples, *filter(None, [arguments.references])]
        decisive = (settings.as_json(), repr(job.as_is), tools, judge.isolation, secret.hex())
        key = journal_key(Path(__file__), inputs, *decisive)
        samples = read_samples(arguments.samples)
        write_verdicts(arguments.output, judge, samples, settings, key, total=count_rows(arguments.samples))
        for task_id, reason in judge.excluded.items():
            logger.warning("%s is excluded: %s", task_id, reason)


def read_references(path: Path | None) -> References | None:
    """What was measured of the reference solutions; null where that was not, or not with the tools of this machine."""
    if path is None:
        return None
    rows = read_table(path, REFERENCES)
    if all(tools_of(row.language) == row.tools for row in rows[["language", "tools"]].drop_duplicates().itertuples()):
        return References.from_rows(rows)
    logger.warning("%s was measured with another version of Icarus Verilog, so references are run again here", path)
    return None


def read_samples(path: Path) -> Iterator[Sample]:
    """The samples of a Parquet table, a batch at a time."""
    for batch in pq.ParquetFile(path).iter_batches(columns=["task_id", "sample", "code"]):
        for row in batch.to_pylist():
            yield row["task_id"], row["sample"], row["code"]


if __name__ == "__main__":
    run_stage(main, parser())
