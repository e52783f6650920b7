"""Batched scoring against the published recipe: one text at a time, in float64, with the whole log-softmax."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import MistralConfig, MistralForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from ibft.config.sections import LoRA, Scoring
from ibft.memorization.scoring import head_statistics, score, scores
from ibft.models.encoding import encode_plain
from ibft.models.head import Head
from ibft.models.loading import load_model
from ibft.models.lora import add_lora
from ibft.runtime.errors import UserError
from ibft.store.journal import Journal
from ibft.store.manifests import write_manifest
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES, MEMORIZATION
from tests.memorization.conftest import script

Tiny = tuple[PreTrainedModel, PreTrainedTokenizerBase]
KS = (5, 10, 20, 30, 40, 50, 60)


def scored(tiny: Tiny, examples: pd.DataFrame, folder: Path, **settings: object) -> pd.DataFrame:
    how = Scoring.model_validate(settings)
    with Journal(folder / "journal", repr(sorted(settings.items()))) as journal:
        score(*tiny, [examples], how, journal, total=len(examples))
        return pd.concat(scores(journal, how.k), ignore_index=True)


def batch_1_reference(tiny: Tiny, ids: Sequence[int], first: int) -> list[tuple[float, float]]:
    """(Min-K% Prob, Min-K%++) for each k of the tokens from `first` on, straight from the two papers."""
    model = tiny[0].double()
    with torch.no_grad():
        log_probs = model(torch.tensor([list(ids)])).logits[0, first - 1 : -1].log_softmax(-1)
    model.float()
    token = log_probs.gather(1, torch.tensor(ids[first:])[:, None])[:, 0]
    mean = (log_probs.exp() * log_probs).sum(-1)
    variance = (log_probs.exp() * log_probs.square()).sum(-1) - mean.square()
    z_score = (token - mean) / variance.sqrt()
    sizes = [max(1, len(token) * k // 100) for k in KS]
    return [(-token.sort()[0][:n].mean().item(), -z_score.sort()[0][:n].mean().item()) for n in sizes]


@pytest.mark.parametrize("scope", ["sequence", "response"])
def test_scores_of_real_examples_equal_the_batch_1_reference(
    scope: str, tiny: Tiny, real_examples: pd.DataFrame, tmp_path: Path
) -> None:
    frame = scored(tiny, real_examples, tmp_path, k=KS, scope=scope, max_length=512, batch_tokens=2048)
    texts = encode_plain(tiny[1], real_examples["instruction"], real_examples["response"], 512)
    firsts = [1 if scope == "sequence" else text.response_from for text in texts]
    expected = [
        pair for t, first in zip(texts, firsts, strict=True) for pair in batch_1_reference(tiny, t.ids.tolist(), first)
    ]
    assert frame["example_id"].tolist() == np.repeat(real_examples["example_id"], len(KS)).tolist()
    assert frame["tokens"].tolist() == np.repeat([len(t) - f for t, f in zip(texts, firsts, strict=True)], 7).tolist()
    np.testing.assert_allclose(frame[["min_k_prob", "min_k_plus_plus"]], expected, atol=1e-4, rtol=0)


def test_scores_do_not_depend_on_what_shares_the_batch(tiny: Tiny, examples: pd.DataFrame, tmp_path: Path) -> None:
    columns = ["min_k_prob", "min_k_plus_plus"]
    alone = scored(tiny, examples, tmp_path, batch_tokens=1)
    for batch_tokens in (500, 100_000):
        together = scored(tiny, examples, tmp_path, batch_tokens=batch_tokens)
        np.testing.assert_allclose(together[columns], alone[columns], atol=1e-6, rtol=0)


def test_a_model_that_cannot_be_packed_reads_one_text_at_a_time(
    tiny: Tiny, examples: pd.DataFrame, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Attention over a sliding window must stay one, whatever stands beside a text."""
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    config = MistralConfig(vocab_size=len(tiny[1]), num_key_value_heads=2, sliding_window=8, **size)
    model = MistralForCausalLM(config).eval()
    chosen = examples.head(6)
    frame = scored((model, tiny[1]), chosen, tmp_path, k=KS, batch_tokens=4096)
    assert "one text at a time" in caplog.text
    texts = encode_plain(tiny[1], chosen["instruction"], chosen["response"], 512)
    assert max(len(text) for text in texts) > 40
    expected = [pair for text in texts for pair in batch_1_reference((model, tiny[1]), text.ids.tolist(), 1)]
    np.testing.assert_allclose(frame[["min_k_prob", "min_k_plus_plus"]], expected, atol=1e-4, rtol=0)


def test_scoring_gives_the_model_back_as_it_was(tiny: Tiny, examples: pd.DataFrame, tmp_path: Path) -> None:
    ids = torch.tensor([[5, 6, 7, 8]])
    before = tiny[0](ids).logits
    scored(tiny, examples.head(3), tmp_path)
    assert torch.equal(tiny[0](ids).logits, before)


def test_windows_are_put_together_in_order(tiny: Tiny, examples: pd.DataFrame, tmp_path: Path) -> None:
    windows = [examples.iloc[:10], examples.iloc[10:11], examples.iloc[11:]]
    with Journal(tmp_path / "windows", "") as journal:
        score(*tiny, windows, Scoring(), journal, total=len(examples))
        frames = list(scores(journal, Scoring().k))
    assert [len(frame) for frame in frames] == [70, 7, 91]
    together, at_once = pd.concat(frames, ignore_index=True), scored(tiny, examples, tmp_path)
    assert together[["example_id", "tokens", "k"]].equals(at_once[["example_id", "tokens", "k"]])
    np.testing.assert_allclose(together["min_k_prob"], at_once["min_k_prob"], atol=1e-5, rtol=0)


def test_statistics_of_certain_predictions_stay_exact() -> None:
    """Logits so peaked that a difference of squares in float32 would give a negative variance."""
    logits = torch.tensor([[30.0, 0, 0, 0], [12.0, 0, 1, 2], [0.0, 0, 0, 0]])
    found = head_statistics(Head(logits.T.contiguous()), torch.eye(3), torch.tensor([0, 2, 3])).double()
    log_probs = logits.double().log_softmax(-1)
    mean = (log_probs.exp() * log_probs).sum(-1)
    std = (log_probs.exp() * (log_probs - mean[:, None]).square()).sum(-1).sqrt()
    torch.testing.assert_close(found[0], log_probs[[0, 1, 2], [0, 2, 3]], atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found[1], mean, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found[2], std, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(found[3], log_probs.amax(-1), atol=1e-6, rtol=1e-5)
    is_top = log_probs[[0, 1, 2], [0, 2, 3]] == log_probs.amax(-1)
    assert (found[0] == found[3]).tolist() == is_top.tolist()


def test_truncation_is_recorded_and_applied(tiny: Tiny, examples: pd.DataFrame, tmp_path: Path) -> None:
    frame = scored(tiny, examples, tmp_path, k=(20,), max_length=40)
    whole = [len(text) for text in encode_plain(tiny[1], examples["instruction"], examples["response"], 10_000)]
    assert frame["truncated"].tolist() == [length > 40 for length in whole]
    assert frame["tokens"].tolist() == [min(length, 40) - 1 for length in whole]


def test_an_example_without_a_scorable_token_is_refused_by_name(
    tiny: Tiny, examples: pd.DataFrame, tmp_path: Path
) -> None:
    longest = examples["instruction"].str.len().idxmax()
    with pytest.raises(UserError, match=r"example e\d\d has no token .* max_length = 30"):
        scored(tiny, examples.loc[[longest]], tmp_path, scope="response", max_length=30)


def test_an_adapter_is_scored_as_part_of_the_model(tiny_folder: Path, examples: pd.DataFrame, tmp_path: Path) -> None:
    """The command merges the adapter; the reference runs it unmerged."""
    model, tokenizer = load_model(tiny_folder, None, "float32")
    torch.manual_seed(0)
    with_lora = add_lora(model, LoRA(rank=4))
    for name, parameter in with_lora.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(0, 0.2, generator=torch.Generator().manual_seed(0))
    with_lora.save_pretrained(tmp_path / "adapter")
    write_manifest(tmp_path / "adapter")
    write_table(tmp_path / "examples", EXAMPLES, examples)
    common = ["--model", tiny_folder, "--examples", tmp_path / "examples", "--job", '{"scoring": {"k": [20]}}']

    def command(*options: object) -> pd.DataFrame:
        script("score_memorization")([*common, *options, "--output", tmp_path / "scores"])
        return read_table(tmp_path / "scores", MEMORIZATION)

    base, adapted = command(), command("--adapter", tmp_path / "adapter")
    unmerged = scored((model.eval(), tokenizer), examples, tmp_path, k=(20,))
    np.testing.assert_allclose(adapted["min_k_prob"], unmerged["min_k_prob"], atol=1e-4)
    assert (adapted["min_k_prob"] - base["min_k_prob"]).abs().min() > 1e-3
