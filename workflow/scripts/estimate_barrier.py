"""Estimate the barrier, and what each method changes, from the NLL of all arms on held-out data.

python workflow/scripts/estimate_barrier.py \\
    --job '{"barrier": {"exposed": "b", "control": "c", "dataset": "d"}, "measured_on": ["fresh"]}' \\
    --nll b/d/base/seed0=b0.parquet c/d/base/seed0=c0.parquet b/d/ft/seed0=b1.parquet c/d/ft/seed0=c1.parquet \\
    --arms arms.parquet --estimands estimands.parquet --markdown barrier.md
"""

import argparse
from pathlib import Path

import pandas as pd

from ibft.barrier.estimands import estimands, twins_of, with_corrected_tests
from ibft.config.jobs import EstimateBarrier, job_parser
from ibft.figures.inputs import keyed_path
from ibft.labels import Labels
from ibft.paths import Variant
from ibft.runtime.stage import run_stage
from ibft.store import parquet
from ibft.store.manifests import write_output
from ibft.store.schemas import ARMS, ESTIMANDS, NLL
from ibft.tables.barrier import barrier_markdown


def parser() -> argparse.ArgumentParser:
    arguments = job_parser(__doc__, EstimateBarrier)
    arguments.add_argument(
        "--nll", type=keyed_path, nargs="+", required=True, metavar="VARIANT=PARQUET", help="tables `nll`"
    )
    arguments.add_argument("--arms", type=Path, required=True, help="Parquet table to write")
    arguments.add_argument("--estimands", type=Path, required=True, help="Parquet table to write")
    arguments.add_argument("--markdown", type=Path, required=True, help="the estimands for readers")
    return arguments


def main(arguments: argparse.Namespace) -> None:
    job: EstimateBarrier = arguments.job
    nll = pd.concat([_of_variant(key, path) for key, path in arguments.nll], ignore_index=True)
    tables = []
    for measured_on in job.measured_on:
        twins = twins_of(nll[nll["measured_on"] == measured_on], job.barrier.exposed, job.barrier.control)
        tables.append(estimands(twins, job.barrier.dataset).assign(measured_on=measured_on))
    estimated = with_corrected_tests(pd.concat(tables, ignore_index=True), job.measured_on[0])
    arms = nll.groupby(["measured_on", "model", "dataset", "method", "seed"], sort=False, as_index=False)["nll"].mean()
    parquet.write_table(arguments.arms, ARMS, arms)
    parquet.write_table(arguments.estimands, ESTIMANDS, estimated)
    labels = Labels.model_validate(job.labels)
    write_output(arguments.markdown, barrier_markdown(estimated, labels, job.barrier.dataset).encode())


def _of_variant(key: str, path: Path) -> pd.DataFrame:
    variant = Variant.parse(key)
    measured = parquet.read_table(path, NLL).rename(columns={"dataset": "measured_on"})
    return measured.assign(model=variant.model, dataset=variant.dataset, method=variant.method, seed=variant.seed)


if __name__ == "__main__":
    run_stage(main, parser())
