"""The sizes that `auto` chooses follow from bytes per token, which the meta device counts at the shapes of 7B models."""

import sys

import pytest

from tests.conftest import REPOSITORY

sys.path.append(str(REPOSITORY / "perf"))
from measuring.pass_memory import STAGES, compared, peak_bytes
from measuring.shapes import SHAPES

from ibft.models.pass_memory import Stage

TWO_LAYERS = {name: shape.with_layers(2) for name, shape in SHAPES.items()}


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("name", TWO_LAYERS)
def test_a_token_takes_no_more_than_the_formula_says_and_not_much_less(name: str, stage: Stage) -> None:
    counted, formula = compared(TWO_LAYERS[name], stage)
    assert formula / 2 < counted <= formula


def test_a_pass_of_ib_ft_takes_no_more_for_a_token_than_the_formula_says() -> None:
    shape = TWO_LAYERS["CodeLlama-7B"]
    few, many = (peak_bytes(shape, "training", tokens, "ibft") for tokens in (1600, 4800))
    assert many - few <= 3200 * compared(shape, "training")[1]
