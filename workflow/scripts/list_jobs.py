"""List the jobs that Snakemake would start, one JSON object a line: `ibft plan` and `ibft jobs` ask here.

python workflow/scripts/list_jobs.py jobs.jsonl --configfile config/paper.yaml

The first argument is the file to write; the rest is Snakemake's own command line. Nothing is run.
"""

import json
import logging
import sys
from pathlib import Path
from typing import Any, TextIO

from snakemake.cli import main as snakemake
from snakemake.logging import logger
from snakemake_interface_logger_plugins.common import LogEvent

ALL_CORES = "1000000"  # a job asks for no more threads than there are cores: here it shall say what it wants


class JobLines(logging.Filter):
    """Writes what Snakemake says about each job, and lets nothing but errors through to the terminal."""

    def __init__(self, lines: TextIO) -> None:
        super().__init__()
        self.lines = lines

    def filter(self, record: logging.LogRecord) -> bool:
        if getattr(record, "event", None) == LogEvent.JOB_INFO:
            print(json.dumps(described(vars(record))), file=self.lines)
        return record.levelno >= logging.ERROR


def described(job: dict[str, Any]) -> dict[str, Any]:
    return {
        "rule": job["rule_name"],
        "wildcards": dict(job["wildcards"]),
        "inputs": [str(path) for path in job["input"]],
        "outputs": [str(path) for path in job["output"]],
        "benchmark": str(job["benchmark"]) if job["benchmark"] else None,
        "reason": job["reason"],
        "threads": job["threads"],
        "gpus": job["resources"].get("gpu", 0),
        "command": job["shellcmd"] or "",
    }


def main(output: Path, arguments: list[str]) -> None:
    """Exits with Snakemake's status."""
    with output.open("w") as lines:
        logger.addFilter(JobLines(lines))
        snakemake(["--dry-run", "--nolock", "--cores", ALL_CORES, *arguments])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
