"""The decode loop against plain references: generate for greedy, a batch of one without cache for samples."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import psutil
import pytest
import torch
from transformers import GPT2Config, GPT2LMHeadModel, MistralConfig, MistralForCausalLM, PreTrainedModel

from ibft.runtime.errors import UserError
from ibft.sampling.decoder import Decoder
from ibft.sampling.engine import Completion, Decoding, Prompt
from ibft.sampling.kv_cache import SlotCache
from ibft.sampling.seeds import sample_seed, uniform_numbers
from tests.sampling.conftest import prompts
from tests.tiny_model import make_tiny_llama

SAMPLED = Decoding(1.0, 0.95, 24, (), (2,))
GREEDY = Decoding(0.0, 0.95, 24, (), (2,))


def by_task(completions) -> dict[str, list[Completion]]:
    return {found[0].task_id: found for found in completions}


def reference(model: PreTrainedModel, prompt: Prompt, seed: int, decoding: Decoding) -> tuple[list[int], float]:
    """One sample, drawn the plain way: the whole sequence anew for each token, the whole vocabulary sorted."""
    tokens: list[int] = []
    log_likelihood = 0.0
    for uniform in uniform_numbers(seed, decoding.max_new_tokens):
        with torch.inference_mode():
            logits = model(torch.tensor([[*prompt.token_ids, *tokens]])).logits[0, -1].double()
        probability, order = (logits / decoding.temperature).softmax(-1).sort(descending=True, stable=True)
        kept = int((probability.cumsum(0) - probability < decoding.top_p).sum())
        cumulative = probability[:kept].cumsum(0).numpy()
        token = int(order[np.searchsorted(cumulative, uniform * cumulative[-1], side="right")])
        tokens.append(token)
        log_likelihood += float(logits.log_softmax(-1)[token])
        if token in decoding.stop_token_ids:
            break
    return tokens, log_likelihood


def test_greedy_completions_are_those_of_generate(loaded):
    model, tokenizer = loaded
    asked = prompts(tokenizer, 1)
    found = by_task(Decoder(model, tokenizer, 4).sample(asked, GREEDY))
    for prompt in asked:
        ids = torch.tensor([prompt.token_ids])
        plain = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=24)
        assert list(found[prompt.task_id][0].token_ids) == plain[0, ids.shape[1] :].tolist()


@pytest.mark.parametrize("temperature", [0.3, 1.0])
def test_every_sample_is_the_one_that_a_plain_loop_draws(loaded, temperature):
    model, tokenizer = loaded
    asked = prompts(tokenizer, 4, temperature=temperature)
    decoding = replace(SAMPLED, temperature=temperature)
    found = by_task(Decoder(model, tokenizer, 8).sample(asked, decoding))
    for prompt in asked[:3]:
        for seed, completion in zip(prompt.seeds, found[prompt.task_id], strict=True):
            tokens, log_likelihood = reference(model, prompt, seed, decoding)
            assert list(completion.token_ids) == tokens
            assert completion.log_likelihood == pytest.approx(log_likelihood, abs=1e-4)


def test_neither_order_nor_number_nor_batch_changes_a_sample(loaded):
    model, tokenizer = loaded
    asked = prompts(tokenizer, 6)
    together = by_task(Decoder(model, tokenizer, 64).sample(asked, SAMPLED))
    backwards = by_task(Decoder(model, tokenizer, 12).sample(asked[::-1], SAMPLED))
    for prompt in asked:
        alone = by_task(Decoder(model, tokenizer, 1).sample([prompt], SAMPLED))
        assert together[prompt.task_id] == backwards[prompt.task_id] == alone[prompt.task_id]
    fewer = by_task(Decoder(model, tokenizer, 64).sample([replace(p, seeds=p.seeds[:2]) for p in asked], SAMPLED))
    assert all(fewer[task] == together[task][:2] for task in together)


def test_trials_draw_apart(loaded):
    model, tokenizer = loaded
    engine = Decoder(model, tokenizer, 64)
    drawn = [by_task(engine.sample(prompts(tokenizer, 8, trial=trial), SAMPLED)) for trial in range(5)]
    texts = [c.token_ids for trial in drawn for found in trial.values() for c in found if len(c.token_ids) > 6]
    assert len(texts) > 100
    assert len(set(texts)) == len(texts)


def test_trials_share_no_more_draws_than_chance(loaded):
    """Two completions count as a shared draw if their first two tokens are equal. By chance, two draws a and b from one
    distribution p are equal with probability E[p(a)], and a completion's own likelihood is p(a) where top-p is 1."""
    model, tokenizer = loaded
    n, trials, decoding = 20, 10, replace(SAMPLED, top_p=1.0, max_new_tokens=2)
    base = prompts(tokenizer, 1)
    shared, expected, cells = 0, 0.0, 0
    for number in range(20):
        task, ids = f"problem{number}", (*base[number % 5].token_ids, number + 3)
        seeds = [sample_seed("tiny/ft", "bench", 1.0, trial, task, s) for trial in range(trials) for s in range(n)]
        prompt = Prompt(task, ids, tuple(seeds))
        (found,) = Decoder(model, tokenizer, 64).sample([prompt], decoding)
        cells += trials
        for a, b in combinations(found, 2):
            if a.sample // n != b.sample // n:
                shared += a.token_ids == b.token_ids
                expected += (np.exp(a.log_likelihood) + np.exp(b.log_likelihood)) / 2
    assert cells == 200
    assert expected > 300
    assert shared == pytest.approx(expected, rel=0.1)


def test_samples_come_in_the_order_of_their_seeds(loaded):
    model, tokenizer = loaded
    for found in Decoder(model, tokenizer, 16).sample(prompts(tokenizer, 7), SAMPLED):
        assert [completion.sample for completion in found] == list(range(7))


def test_finish_reasons_and_lengths(loaded):
    model, tokenizer = loaded
    found = by_task(Decoder(model, tokenizer, 16).sample(prompts(tokenizer, 20), SAMPLED))
    completions = [completion for group in found.values() for completion in group]
    assert {completion.finish_reason for completion in completions} == {"stop", "length"}
    for completion in completions:
        assert (completion.token_ids[-1] == 2) == (completion.finish_reason == "stop")
        assert completion.finish_reason == "stop" or len(completion.token_ids) == 24
        assert 2 not in completion.token_ids[:-1]


def test_a_stop_string_ends_a_completion_as_soon_as_it_is_written_and_is_not_part_of_it(loaded):
    model, tokenizer = loaded
    asked = prompts(tokenizer, 10)
    free = by_task(Decoder(model, tokenizer, 64).sample(asked, SAMPLED))
    texts = [completion.text for found in free.values() for completion in found]
    stop = next(part for text in texts if (part := text[8:10]).isascii() and len(part) == 2)
    stopped = by_task(Decoder(model, tokenizer, 64).sample(asked, replace(SAMPLED, stop_strings=("never", stop))))
    hits = 0
    for task, found in stopped.items():
        for before, after in zip(free[task], found, strict=True):
            if stop not in before.text:
                assert after == before
                continue
            hits += 1
            assert after.text == before.text[: before.text.index(stop)]
            assert after.finish_reason == "stop"
            assert after.token_ids == before.token_ids[: len(after.token_ids)]
            assert stop not in tokenizer.decode(after.token_ids[:-1])
    assert hits


def test_a_family_with_learned_positions_is_sampled_alike(loaded):
    _, tokenizer = loaded
    with torch.random.fork_rng():
        torch.manual_seed(0)
        config = GPT2Config(
            vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, n_positions=400, initializer_range=0.3
        )
        model = GPT2LMHeadModel(config).eval()
    asked = prompts(tokenizer, 2)[:2]
    found = by_task(Decoder(model, tokenizer, 8).sample(asked, SAMPLED))
    for prompt in asked:
        for seed, completion in zip(prompt.seeds, found[prompt.task_id], strict=True):
            assert list(completion.token_ids) == reference(model, prompt, seed, SAMPLED)[0]


def test_a_prompt_that_does_not_fit_is_named(loaded):
    model, tokenizer = loaded
    with pytest.raises(UserError, match=r"problem task3 needs 1068 tokens .* attends to 1024: lower sampling.max_new_"):
        list(Decoder(model, tokenizer, 8).sample(prompts(tokenizer, 1), replace(SAMPLED, max_new_tokens=1000)))


def test_a_completion_must_fit_the_sliding_window(loaded):
    _, tokenizer = loaded
    config = MistralConfig(
        vocab_size=320,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        sliding_window=60,
    )
    engine = Decoder(MistralForCausalLM(config).eval(), tokenizer, 8)
    short = [prompt for prompt in prompts(tokenizer, 1) if len(prompt.token_ids) < 36]
    assert len(list(engine.sample(short, SAMPLED))) == len(short) > 0
    with pytest.raises(UserError, match="attends to 60"):
        list(engine.sample(prompts(tokenizer, 1), SAMPLED))


def test_layers_without_attention_are_refused(loaded):
    model, tokenizer = loaded
    model.config.layer_types = ["full_attention", "linear_attention", "full_attention"]
    with pytest.raises(UserError, match=r"model with linear_attention: set sampling\.engine to vllm"):
        Decoder(model, tokenizer, 8)


def test_a_model_that_was_sampled_from_still_computes_padded_batches_as_before(loaded):
    model, tokenizer = loaded
    batch = tokenizer(["def add", "assign out = a + b;"], return_tensors="pt", padding=True)
    with torch.inference_mode():
        before = model(**batch).logits
        Decoder(model, tokenizer, 8)
        torch.testing.assert_close(model(**batch).logits, before)


def test_nothing_to_sample_is_nothing(loaded):
    assert list(Decoder(*loaded, 8).sample([], SAMPLED)) == []


def test_half_precision_is_sampled(loaded):
    _, tokenizer = loaded
    model = make_tiny_llama(len(tokenizer)).to(torch.bfloat16)
    found = by_task(Decoder(model, tokenizer, 8).sample(prompts(tokenizer, 2), SAMPLED))
    assert len(found) == 5


def test_slots_that_nothing_was_written_to_take_no_memory():
    states = torch.zeros(1, 4, 1, 64)
    cache = SlotCache(slots=256, length=2048)
    cache.fill(0)
    before = psutil.Process().memory_info().rss
    cache.update(states, states, layer_idx=0)
    assert (psutil.Process().memory_info().rss - before) / 2**20 < 64  # of 1,024 MiB
