"""Sizes that `auto` chooses fit into the memory they were chosen for, as counted at the shapes of 7B models."""

import sys

import pytest

from tests.conftest import REPOSITORY

sys.path.append(str(REPOSITORY / "perf"))
from measuring.pass_memory import STAGES, peak_bytes, tokens_chosen
from measuring.shapes import SHAPES

from ibft.models.pass_memory import MOST, Stage

FREE = 8e9  # bytes, for three of about thirty layers


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", SHAPES)
def test_a_pass_of_the_chosen_size_fits_and_leaves_little(name: str, stage: Stage) -> None:
    shape = SHAPES[name].with_layers(3)
    tokens = tokens_chosen(shape, stage, FREE)
    peak = peak_bytes(shape, stage, tokens)
    assert peak <= 0.9 * FREE
    assert peak > 0.4 * FREE or tokens == MOST


def test_ib_ft_takes_hardly_more_than_ft() -> None:
    shape = SHAPES["CodeLlama-7B"].with_layers(3)
    ft, ibft = (peak_bytes(shape, "training", 4096, kind) for kind in ("ft", "ibft"))
    assert ft < ibft < 1.1 * ft
