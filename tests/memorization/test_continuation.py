"""A verbatim continuation is read off the scores, and is what greedy decoding writes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from ibft.memorization.continuation import SHORTEST_REST, Continuation, continuation, verbatim_shares
from ibft.memorization.scoring import token_statistics
from ibft.models.loading import load_model


@pytest.mark.parametrize(
    ("greedy", "expected"),
    [
        ([False, False, True, True], Continuation(2, 2)),
        ([True, True, True, False, True], Continuation(3, 1)),
        ([True, True, False, True], Continuation(2, 0)),
        ([True], Continuation(1, 1)),
    ],
)
def test_it_counts_from_the_middle_to_the_first_difference(greedy: list[bool], expected: Continuation) -> None:
    assert continuation(greedy) == expected


@pytest.mark.parametrize("changed", [None, 13, 20])
def test_it_is_what_greedy_decoding_writes(tiny_folder: Path, changed: int | None) -> None:
    """The response is the model's own greedy text, but for one token: generation from its first half says how far."""
    model, tokenizer = load_model(tiny_folder, None, "float32")
    prompt = tokenizer("def add(first", add_special_tokens=False)["input_ids"]
    tokens, half = 24, 12
    with torch.inference_mode():
        options = {"do_sample": False, "eos_token_id": None, "pad_token_id": 0}
        whole = model.generate(torch.tensor([prompt]), max_new_tokens=tokens, **options)[0].tolist()
        if changed is not None:
            whole[len(prompt) + changed] = (whole[len(prompt) + changed] + 1) % 300
        given = torch.tensor([whole[: len(prompt) + half]])
        written = model.generate(given, max_new_tokens=tokens - half, **options)[0].tolist()
    [found] = token_statistics(model, [np.array(whole, dtype=np.int32)], [len(prompt)], packed=False)
    agrees = np.array(written[len(prompt) + half :]) == np.array(whole[len(prompt) + half :])
    expected = int(np.logical_and.accumulate(agrees).sum())
    assert continuation(list(found.log_prob_N >= found.top_N)) == Continuation(tokens - half, expected)
    assert expected == (tokens if changed is None else changed) - half


def test_short_responses_have_none() -> None:
    long, short = [True] * 2 * SHORTEST_REST, [True] * (2 * SHORTEST_REST - 2)
    rows = [("long", "prompt", long), ("short", "prompt", short), ("long", "plain", [False] * 99)]
    found = verbatim_shares(pd.DataFrame(rows, columns=["example_id", "form", "greedy"]))
    assert found.to_dict() == {"long": 1.0}
