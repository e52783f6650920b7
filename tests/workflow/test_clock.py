"""A clock that ran ahead and was set right leaves files of the future; the run goes on."""

import os
import shutil
import time

from tests.workflow.conftest import Checkout

DAY_S = 86400.0


def test_files_of_the_future_do_not_stop_a_run(checkout: Checkout) -> None:
    results = checkout.work / "results"
    metrics = results / "metrics" / "metrics.parquet"
    before = metrics.read_bytes()
    for folder in ("verdicts", "metrics"):
        shutil.rmtree(results / folder)
    tomorrow = time.time() + DAY_S
    samples = [path for path in (results / "samples").rglob("*") if path.is_file()]
    for path in samples:
        os.utime(path, (tomorrow, tomorrow))
    run = checkout.snakemake()
    assert run.returncode == 0, run.stdout + run.stderr
    assert f"{len(samples)} files in results were dated in the future" in run.stdout + run.stderr
    assert metrics.read_bytes() == before
    assert "Nothing to be done" in checkout.snakemake("--dry-run").stdout
