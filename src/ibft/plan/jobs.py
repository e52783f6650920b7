"""The jobs of a workflow, as a dry run of Snakemake itself names them."""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ibft.runtime.errors import UserError
from ibft.runtime.workflow_folder import require_snakemake, workflow_folder


@dataclass(frozen=True)
class Job:
    """One job. Paths are relative to Snakemake's working directory."""

    rule: str
    wildcards: dict[str, str]
    outputs: tuple[str, ...]
    benchmark: str | None  # the file in which its time is recorded; none for a target, which runs nothing
    reason: str
    threads: int
    gpus: int
    command: str = ""
    inputs: tuple[str, ...] = ()


def add_workflow_options(parser: argparse.ArgumentParser) -> None:
    """Add what says which run is meant; `asked_of_snakemake` reads it."""
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="as for Snakemake")
    parser.add_argument("--directory", type=Path, default=Path(), help="as for Snakemake")
    parser.add_argument("--snakefile", type=Path, default=workflow_folder() / "Snakefile")


def asked_of_snakemake(arguments: argparse.Namespace) -> list[str]:
    layers = [str(path.absolute()) for path in arguments.configfile]
    return ["--directory", str(arguments.directory), *(["--configfile", *layers] if layers else [])]


def list_jobs(snakefile: Path, arguments: Sequence[str]) -> list[Job]:
    """The jobs that `snakemake --snakefile SNAKEFILE ARGUMENTS` would start; targets, which run nothing, left out.

    Raises:
        UserError: Snakemake refuses the configuration or the target; the message is its own.
    """
    require_snakemake()
    script = snakefile.parent / "workflow" / "scripts" / "list_jobs.py"
    if not script.is_file():
        raise UserError(f"{snakefile} is not the Snakefile of ibft: run this in a checkout, or give --snakefile")
    with tempfile.TemporaryDirectory() as folder:
        listing = Path(folder) / "jobs.jsonl"
        command = [sys.executable, str(script), str(listing), "--snakefile", str(snakefile), *arguments]
        run = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
        if run.returncode != 0:
            raise UserError(f"Snakemake cannot plan this run:\n{(run.stderr or run.stdout).strip()}")
        jobs = [_job(line) for line in listing.read_text().splitlines()]
    return [job for job in jobs if job.benchmark is not None]


def _job(line: str) -> Job:
    fields = json.loads(line)
    paths = {name: tuple(fields[name]) for name in ("inputs", "outputs")}
    return Job(**{**fields, **paths, "gpus": int(fields["gpus"])})
