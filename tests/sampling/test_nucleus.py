"""Temperature and top-p mean what they mean in transformers."""

import numpy as np
import pytest
import torch
from transformers import TemperatureLogitsWarper, TopPLogitsWarper

from ibft.sampling.top_p import nuclei

VOCABULARY = 500


def logits(rows: int = 4) -> torch.Tensor:
    return 4 * torch.randn(rows, VOCABULARY, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("temperature", [0.2, 0.6, 1.0, 2.0])
@pytest.mark.parametrize("top_p", [0.05, 0.5, 0.95, 1.0])
def test_tokens_and_probabilities_are_those_that_transformers_leaves(temperature, top_p):
    scores = logits()
    warped = TopPLogitsWarper(top_p)(None, TemperatureLogitsWarper(temperature)(None, scores.double()))
    for nucleus, expected in zip(nuclei(scores, temperature, top_p), warped.softmax(-1), strict=True):
        assert set(nucleus.tokens) == set(expected.nonzero().squeeze(-1).tolist())
        share = np.diff(nucleus.cumulative, prepend=0) / nucleus.cumulative[-1]
        np.testing.assert_allclose(share, expected[nucleus.tokens].numpy(), rtol=1e-9, atol=1e-15)


def test_uniform_numbers_are_mapped_to_tokens_in_proportion_to_their_probability():
    nucleus = next(iter(nuclei(logits(1), 1.0, 0.95)))
    drawn = np.array([nucleus.draw(u) for u in (np.arange(100_000) + 0.5) / 100_000])
    share = np.bincount(drawn, minlength=len(nucleus.tokens)) / len(drawn)
    np.testing.assert_allclose(share, np.diff(nucleus.cumulative, prepend=0) / nucleus.cumulative[-1], atol=2e-5)


def test_log_probabilities_are_those_of_the_model_itself():
    scores = logits()
    for row, nucleus in zip(scores.double().log_softmax(-1), nuclei(scores, 0.2, 0.5), strict=True):
        np.testing.assert_allclose(nucleus.log_probabilities, row[nucleus.tokens].numpy(), rtol=1e-12)


def test_temperature_zero_leaves_the_first_of_the_most_likely_tokens():
    scores = torch.tensor([[0.0, 3.0, 1.0, 3.0]])
    (nucleus,) = nuclei(scores, 0.0, 0.95)
    assert nucleus.tokens.tolist() == [1]
    assert nucleus.draw(0.999) == 0
