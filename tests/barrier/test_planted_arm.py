"""An arm that truly sees the families of fresh examples wins, by real trainings, real NLL and the real estimands."""

from pathlib import Path

import pandas as pd
import pytest

from ibft.barrier.estimands import Arm, estimands, twins_of
from ibft.config.sections import Dataset, LoRA, Method, Training
from ibft.data.datasets import prepare_dataset
from ibft.memorization.nll import measure_nll
from ibft.models.loading import load_model
from ibft.store.manifests import write_manifest
from ibft.training.checkpoint import Checkpoints
from ibft.training.recipe import Recipe, Task, fine_tune
from tests.tiny_model import make_tiny_model

pytestmark = pytest.mark.slow  # it trains eight times

SEEDS = (0, 1)
TRAINING = Training(
    updates=16, batch_size=8, learning_rate=2e-2, max_length=384, watch_every=0, lora=LoRA(rank=8, dropout=0.0)
)
SHOWN = {"profile": "chat", "max_length": 384, "batch_tokens": 4096}


def circuits(families: tuple[int, int], rounds: tuple[int, int]) -> pd.DataFrame:
    return prepare_dataset(
        Dataset(source="generated:rtl", language="verilog", families=families, rounds=rounds, longest_response=260)
    )


@pytest.fixture(scope="module")
def nll(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The NLL of fresh circuits under two bases, each before and after FT on their families and on others."""
    families, others = (0, 6), (20, 26)
    fresh = circuits(families, (8, 12))
    datasets = {"both": circuits(others, (0, 8)), "own": circuits(families, (0, 8))}
    tables = []
    for model_seed, base in enumerate(("exposed", "control")):
        folder = make_tiny_model(tmp_path_factory.mktemp(base), seed=model_seed)

        def measured(adapter: Path | None, of: Path = folder) -> pd.DataFrame:
            return measure_nll(*load_model(of, adapter, "float32"), fresh, **SHOWN)

        tables.append(measured(None).assign(model=base, dataset="both", method="base", seed=0))
        for dataset, examples in datasets.items():
            for seed in SEEDS:
                place = tmp_path_factory.mktemp("training")
                recipe = Recipe(Method(kind="ft"), layer=2, profile="chat", training=TRAINING, seed=seed)
                checkpoints = Checkpoints(place / "checkpoint.safetensors", 1000, recipe.key)
                task = Task(recipe, examples, place / "adapter", checkpoints)
                fine_tune(*load_model(folder, None, "float32"), [task])
                write_manifest(place / "adapter")
                table = measured(place / "adapter")
                tables.append(table.assign(model=base, dataset=dataset, method="ft", seed=seed))
    return pd.concat(tables, ignore_index=True)


def test_an_arm_that_sees_only_their_families_wins_on_both_bases(nll: pd.DataFrame) -> None:
    estimated = estimands(twins_of(nll, "exposed", "control"), "both")
    planted = estimated[(estimated["arm_dataset"] == "own") & (estimated["estimand"] == "against FT")]
    assert set(planted["base"]) == {"exposed", "control"}
    assert (planted["high"] < 0).all() and (planted["p_value"] < 0.05).all()
    assert set(planted["seeds"]) == {len(SEEDS)}


def test_the_arms_themselves_are_as_they_are_told_apart(nll: pd.DataFrame) -> None:
    twins = twins_of(nll, "exposed", "control")
    before, others, own = Arm("both", "base"), Arm("both", "ft"), Arm("own", "ft")
    for of_base in (twins.exposed, twins.control):
        assert of_base[own].mean() < of_base[others].mean() < of_base[before].mean()
