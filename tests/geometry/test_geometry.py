"""Pairs, pooled states, distances and angles."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.geometry.pairs import angles, distances, draw_pairs
from ibft.geometry.states import pooled_states
from ibft.models.loading import load_model
from ibft.runtime.errors import UserError
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, GEOMETRY, MEMORIZATION
from tests.memorization.conftest import script
from tests.tiny_model import make_tiny_model

LAYER = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(scope="module")
def tiny(folder: Path) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    return load_model(folder, None, "float32")


@pytest.fixture
def scores() -> pd.DataFrame:
    """Forty examples, example e07 with score 7."""
    return pd.DataFrame({"example_id": [f"e{n:02d}" for n in range(40)], "score": np.arange(40.0)})


def texts(seed: int = 0) -> list[np.ndarray]:
    random = np.random.default_rng(seed)
    return [random.integers(3, 300, length).astype(np.int32) for length in (5, 30, 2, 12, 30, 7)]


def test_pairs_join_the_two_extremes_and_occur_once(scores: pd.DataFrame) -> None:
    pairs = draw_pairs(scores, group=0.2, pairs=50, seed=0)
    assert set(pairs["most_memorized_id"]) <= {f"e{n:02d}" for n in range(8)}
    assert set(pairs["least_memorized_id"]) <= {f"e{n:02d}" for n in range(32, 40)}
    assert len(pairs) == 50
    assert not pairs.duplicated(["most_memorized_id", "least_memorized_id"]).any()


def test_pairs_depend_on_scores_and_seed_alone(scores: pd.DataFrame) -> None:
    pairs = draw_pairs(scores, 0.2, 50, seed=0)
    assert draw_pairs(scores.sample(frac=1, random_state=1), 0.2, 50, seed=0).equals(pairs)
    assert not draw_pairs(scores, 0.2, 50, seed=1).equals(pairs)


def test_no_more_pairs_than_there_are(scores: pd.DataFrame) -> None:
    assert len(draw_pairs(scores, 0.05, 50, seed=0)) == 4
    assert len(draw_pairs(scores.head(2), 0.2, 50, seed=0)) == 1
    with pytest.raises(UserError, match="at least two"):
        draw_pairs(scores.head(1), 0.2, 50, seed=0)


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_states_equal_the_models_own_hidden_states(
    pooling: str, tiny: tuple[PreTrainedModel, PreTrainedTokenizerBase]
) -> None:
    found = pooled_states(tiny[0], texts(), LAYER, pooling, batch_tokens=100)
    for text, state in zip(texts(), found, strict=True):
        with torch.no_grad():
            hidden = tiny[0](torch.tensor(text[None].tolist()), output_hidden_states=True).hidden_states[LAYER][0]
        expected = hidden[1:].mean(0) if pooling == "mean" else hidden[-1]
        np.testing.assert_allclose(state, expected.numpy(), atol=1e-5, rtol=1e-5)


def test_states_do_not_depend_on_what_shares_the_batch(
    tiny: tuple[PreTrainedModel, PreTrainedTokenizerBase],
) -> None:
    alone = pooled_states(tiny[0], texts(), LAYER, "mean", batch_tokens=1)
    np.testing.assert_allclose(
        pooled_states(tiny[0], texts(), LAYER, "mean", batch_tokens=10_000), alone, atol=1e-5, rtol=1e-5
    )


def test_a_layer_that_the_model_lacks_is_refused(tiny: tuple[PreTrainedModel, PreTrainedTokenizerBase]) -> None:
    for layer in (0, 4):
        with pytest.raises(UserError, match=rf"layer {layer} is out of range: the model has layers 1 to 3"):
            pooled_states(tiny[0], texts(), layer, "mean", batch_tokens=100)


def test_an_example_of_one_token_is_refused(tiny: tuple[PreTrainedModel, PreTrainedTokenizerBase]) -> None:
    with pytest.raises(UserError, match="fewer than two tokens"):
        pooled_states(tiny[0], [np.array([5], np.int32)], LAYER, "mean", batch_tokens=100)


def test_angles_are_right_exact_and_blind_to_length() -> None:
    first = np.array([[1.0, 0, 0], [1, 0, 0], [2, 0, 0], [1, 0, 0]])
    second = np.array([[0, 5.0, 0], [-3, 0, 0], [7, 0, 0], [1, 1e-9, 0]])
    np.testing.assert_allclose(angles(first, second), [90, 180, 0, np.degrees(1e-9)], rtol=1e-6, atol=1e-15)
    np.testing.assert_allclose(distances(first, second)[:3], [26**0.5, 4, 5])


def test_distance_and_angle_survive_a_rotation_and_a_swap() -> None:
    random = np.random.default_rng(0)
    first, second = random.normal(size=(2, 20, 8))
    rotation = np.linalg.qr(random.normal(size=(8, 8)))[0]
    for measure in (distances, angles):
        np.testing.assert_allclose(measure(first @ rotation, second @ rotation), measure(first, second))
        np.testing.assert_allclose(measure(second, first), measure(first, second))
        np.testing.assert_allclose(measure(first, first), 0, atol=1e-6)


def test_the_command_writes_one_row_per_pair_and_the_same_bytes_twice(folder: Path, tmp_path: Path) -> None:
    ids = [f"e{number}" for number in range(10)]
    rows = [
        {
            "example_id": e,
            "instruction": f"Write {e}.",
            "response": "x = 1\n" * (n + 1),
            "language": "python",
            "source": "",
        }
        for n, e in enumerate(ids)
    ]
    write_table(tmp_path / "examples", EXAMPLES, rows)
    common = {"tokens": 9, "truncated": False, "k": 20, "min_k_plus_plus": 0.0}
    write_table(
        tmp_path / "scores", MEMORIZATION, [{"example_id": e, "min_k_prob": n, **common} for n, e in enumerate(ids)]
    )
    command = ["--model", folder, "--examples", tmp_path / "examples", "--memorization", tmp_path / "scores"]
    command += ["--job", '{"k": 20, "layer": 2, "geometry": {"pairs": 3, "group": 0.3}, "seed": 0}']

    def run(name: str) -> Path:
        script("measure_geometry")([*command, "--output", tmp_path / name])
        return tmp_path / name

    table = read_table(run("first"), GEOMETRY)
    assert table["pair"].tolist() == [0, 1, 2]
    assert set(table["most_memorized_id"]) <= {"e0", "e1", "e2"}
    assert (table[["distance", "angle"]] > 0).all(axis=None)
    assert (tmp_path / "first").read_bytes() == run("second").read_bytes()
