"""`sampling.jobs_per_model`: few engine starts draw everything, and still only what is new runs."""

import shutil
from pathlib import Path

import pytest
import yaml

from tests.workflow.conftest import Checkout
from tests.workflow.test_workflow import UPSTREAM

JOBS = 2


def sampled(checkout: Checkout, **sampling: object) -> Path:
    """The configuration with so many jobs per model, and some more keys of `sampling` changed."""
    config = yaml.safe_load((checkout.work / "config.yaml").read_text())
    config["sampling"] |= {"jobs_per_model": JOBS, **sampling}
    path = checkout.work / "shared.yaml"
    path.write_text(yaml.safe_dump(config))
    return path


def tables(checkout: Checkout) -> dict[str, bytes]:
    folder = checkout.work / "results" / "samples"
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")}


@pytest.fixture(scope="module")
def shared(finished: Checkout, tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """The finished run, its samples deleted and drawn again by few jobs. Read only."""
    root = tmp_path_factory.mktemp("shared") / "check out"
    shutil.copytree(finished.root, root, symlinks=True)
    checkout = Checkout(root, python=finished.python)
    shutil.rmtree(checkout.work / "results" / "samples")
    run = checkout.snakemake(config=sampled(checkout))
    assert run.returncode == 0, run.stdout + run.stderr
    return checkout


def test_samples_are_those_of_one_job_per_draw(finished: Checkout, shared: Checkout) -> None:
    assert tables(shared) == tables(finished)
    logs = shared.work / "results" / "logs"
    assert len(list((logs / "draws" / "tiny").glob("*.log"))) == JOBS
    assert all("no engine is started" in log.read_text() for log in (logs / "samples").rglob("*.log"))


def test_a_second_run_says_that_nothing_is_to_be_done(shared: Checkout) -> None:
    run = shared.snakemake(config=sampled(shared))
    assert "Nothing to be done" in run.stdout + run.stderr


def test_another_temperature_samples_only_that_temperature(shared: Checkout) -> None:
    planned = shared.planned(config=sampled(shared, temperatures=[0.5, 1.0]))
    assert {rule: planned[rule] for rule in ("draws_tiny", "samples", "verdicts")} == {
        "draws_tiny": JOBS,
        "samples": 6,
        "verdicts": 6,
    }
    assert not UPSTREAM & set(planned)


def test_another_trial_is_collected_for_every_variant(shared: Checkout) -> None:
    planned = shared.planned(config=sampled(shared, trials=2))
    assert (planned["draws_tiny"], planned["samples"]) == (JOBS, 6)
    assert not UPSTREAM & set(planned)


def test_an_edit_of_the_decoder_draws_again(shared: Checkout) -> None:
    decoder = shared.root / "src" / "ibft" / "sampling" / "decoder.py"
    content = decoder.read_text()
    try:
        decoder.write_text(content + "\nADDED = 1\n")
        planned = shared.planned(config=sampled(shared))
    finally:
        decoder.write_text(content)
    assert (planned["draws_tiny"], planned["samples"]) == (JOBS, 6)
    assert not UPSTREAM & set(planned)


def test_one_engine_start_cannot_have_the_settings_of_two_tracks(shared: Checkout) -> None:
    config = yaml.safe_load(sampled(shared).read_text())
    config["tracks"]["verilog"]["sampling"] = {"engine": "transformers"}
    path = shared.work / "two-engines.yaml"
    path.write_text(yaml.safe_dump(config))
    run = shared.snakemake("--dry-run", config=path)
    assert run.returncode != 0
    assert "tracks.verilog.sampling.engine: set sampling.engine instead" in run.stdout + run.stderr
