"""The experiment with known membership, start to end on a tiny model: what was shown is known, and measured."""

import re
import shutil
from pathlib import Path

import pytest

from ibft.store.parquet import read_table
from ibft.store.schemas import ARMS, DETECTION, ESTIMANDS, EXAMPLES, MEMBERSHIP, ROC, TRAINING_LOG
from tests.conftest import made_once
from tests.warm_python import python
from tests.workflow.conftest import Checkout, new_checkout


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of config barrier.yaml of this folder, up to its figure."""
    with made_once(tmp_path_factory, "barrier") as (folder, is_new):
        checkout = Checkout(folder, python=Path(python()))
        if is_new:
            new_checkout(folder)
            shutil.copyfile(Path(__file__).with_name("barrier.yaml"), checkout.work / "config.yaml")
            run = checkout.snakemake("barrier")
            assert run.returncode == 0, run.stdout + run.stderr
    return checkout.work / "results"


def test_membership_is_known_and_its_model_is_an_ordinary_folder(measured: Path) -> None:
    membership = read_table(measured / "membership" / "exposed.parquet", MEMBERSHIP)
    shown = read_table(measured / "examples" / "members.parquet", EXAMPLES)
    assert membership["example_id"].tolist() == shown["example_id"].tolist()
    assert set(membership["exposures"]) == {30.0} and set(membership["dataset"]) == {"members"}
    assert {"config.json", "model.safetensors", "tokenizer.json", "manifest.json"} <= {
        path.name for path in (measured / "models" / "exposed").iterdir()
    }


def test_what_a_model_was_shown_can_be_told_and_its_twin_is_the_placebo(measured: Path) -> None:
    detection = read_table(measured / "barrier" / "detection.parquet", DETECTION)
    assert set(detection["members"]) == set(detection["others"]) == {8}
    raw = detection[~detection["calibrated"]].set_index(["model", "score"])["auroc"]
    calibrated = detection[detection["calibrated"]].set_index("score")["auroc"]
    assert calibrated["loss"] > 0.9  # 30 exposures
    assert raw["exposed", "loss"] > raw["control", "loss"]
    rates = read_table(measured / "barrier" / "roc.parquet", ROC)
    ends = rates.groupby(["model", "score", "calibrated"])[["false_positives", "true_positives"]].max()
    assert (ends == 1).to_numpy().all()


def test_every_arm_has_the_same_updates_and_is_compared_with_ft(measured: Path) -> None:
    logs = list((measured / "training").rglob("training_log.parquet"))
    steps = {
        str(path.relative_to(measured / "training")).split("/")[2]: len(read_table(path, TRAINING_LOG)) for path in logs
    }
    assert steps == {"exposed": 60, "control": 60, "ft": 2, "ft-sgd": 2}
    arms = read_table(measured / "barrier" / "arms.parquet", ARMS)
    assert set(zip(arms["dataset"], arms["method"], strict=True)) == {
        ("both", "base"), ("both", "ft"), ("both", "ft-sgd"), ("others", "ft")
    }  # fmt: skip
    estimands = read_table(measured / "barrier" / "estimands.parquet", ESTIMANDS)
    assert set(estimands["estimand"]) == {"gap before", "barrier", "gap after", "against FT", "specific"}
    assert estimands["primary"].sum() == 1 and set(estimands.loc[estimands["primary"], "seeds"]) == {2}


def test_readers_are_told_in_words_whether_a_barrier_was_found(measured: Path) -> None:
    told = (measured / "tables" / "all" / "barrier.md").read_text()
    assert re.match(r"(A|No|The opposite of a) barrier was found|Whether there is a barrier cannot be decided", told)
    assert "nats per token (95% interval" in told
    assert (measured / "figures" / "barrier" / "barrier.png").stat().st_size > 20_000
