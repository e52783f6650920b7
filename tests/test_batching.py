"""Length-sorted batches under a token budget."""

import json
from pathlib import Path

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from ibft.models.batching import length_batches, pad_right, windows
from ibft.models.encoding import encode_plain
from tests.tiny_model import make_tiny_tokenizer


@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 200))
def test_every_sequence_is_in_one_batch_and_no_batch_exceeds_the_budget(lengths: list[int], budget: int) -> None:
    batches = length_batches(lengths, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[index] for index in batch) <= budget


def test_the_longest_batch_comes_first() -> None:
    assert length_batches([3, 9, 1, 9], budget=18) == [[1, 3], [0, 2]]


def test_real_examples_need_little_padding(shared_data: Path) -> None:
    rows = json.loads((shared_data / "code_alpaca_2k.json").read_text())
    texts = encode_plain(make_tiny_tokenizer(), [r["instruction"] for r in rows], [r["output"] for r in rows], 2048)
    lengths = [len(text) for text in texts]
    padded = sum(len(batch) * lengths[batch[0]] for batch in length_batches(lengths, budget=4096))
    assert 1 - sum(lengths) / padded < 0.05


def test_windows_cover_everything_once() -> None:
    assert [list(window) for window in windows(5, size=2)] == [[0, 1], [2, 3], [4]]
    assert list(windows(0)) == []


def test_rows_are_padded_on_the_right() -> None:
    padded = pad_right([np.array([5, 6, 7], np.int32), np.array([8], np.int32)], torch.device("cpu"))
    assert padded.tolist() == [[5, 6, 7], [8, 0, 0]]
