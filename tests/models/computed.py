"""Each quantity of a stage is compared with what a model's own forward pass gives, on tiny models of many families.

`make families` writes the table of them, docs/models.md.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from transformers import PreTrainedModel

from ibft.config.sections import LoRA
from ibft.geometry.states import pooled_states
from ibft.gradients.lora_gradients import example_gradients, head_gradient, lora_linears
from ibft.gradients.warm_up import fresh_adapter
from ibft.memorization.scoring import token_statistics
from ibft.models.agreement import own_logits, reference_logits
from ibft.models.architecture import decoder, head
from ibft.models.attention import can_pack, packed_attention
from ibft.models.encoding import EncodedExample
from ibft.models.lora import linear_layers
from ibft.runtime.errors import UserError
from ibft.sampling.decoder import Decoder
from ibft.sampling.engine import Decoding, Prompt
from ibft.training.batches import Batch, collate, pack
from ibft.training.linear_cross_entropy import linear_cross_entropy
from ibft.training.model import Bottleneck, IBModel, draw_noise
from ibft.training.objective import IBHead, IBSettings, Loss, TokenCounts, count_tokens, kl_tokens
from tests.models.families import CONFIGS, VOCABULARY, make_family, reference
from tests.tiny_model import make_tiny_tokenizer

LAYER = 1
WIDTH, BOTTLENECK = 32, 4
_SETTINGS = IBSettings(alpha=0.5, beta=0.3)
_NEW_TOKENS = 8
_IN_FLOAT64 = ("qwen3_5",)  # float32 rounds the gradient of its delta rule by 2e-4 of a norm
_STEP = (0, 1)  # training seed and step, which the noise is drawn by


def texts() -> list[EncodedExample]:
    """Token ids of every length; none is a special token of a family."""
    random = np.random.default_rng(7)
    return [
        EncodedExample.join(random.integers(10, 300, 4), random.integers(10, 300, length), index=index)
        for index, length in enumerate((5, 9, 14))
    ]


def ids_of(text: EncodedExample) -> Tensor:
    """Token ids [1, T]."""
    return torch.from_numpy(text.ids.astype(np.int64))[None]


@contextmanager
def last_states(model: PreTrainedModel, hidden_1ND: Tensor) -> Iterator[None]:
    """Inside, the model's own forward pass goes on from these states in place of its decoder's."""

    def exchange(_module: Any, _inputs: Any, output: Any) -> Any:
        output.last_hidden_state = hidden_1ND
        return output

    hook = decoder(model).register_forward_hook(exchange)
    try:
        yield
    finally:
        hook.remove()


def logits_from(model: PreTrainedModel, hidden_ND: Tensor) -> Tensor:
    """The logits [N, V] that the model's own code makes of states."""
    ids_1N = torch.full((1, len(hidden_ND)), 10)
    with last_states(model, hidden_ND[None]):
        logits_NV: Tensor = model(input_ids=ids_1N, use_cache=False).logits[0]
    return logits_NV


def furthest(found: Tensor, expected: Tensor) -> float:
    """The largest difference, as a part of the largest value where that is above 1."""
    return float((found.double() - expected.double()).abs().max() / expected.abs().max().clamp(min=1))


def min_k(family: str) -> float:
    """The logits that are compared at load, and what Min-K% Prob and Min-K%++ are made of."""
    model = make_family(family)
    packed = can_pack(model)
    rows = [texts()] if packed else [[text] for text in texts()]
    with torch.no_grad(), packed_attention(model) if packed else nullcontext():
        found = [s for row in rows for s in token_statistics(model, [t.ids for t in row], [1] * len(row), packed)]
    differences = []
    for text, statistics in zip(texts(), found, strict=True):
        logits_TV = reference_logits(reference(family), ids_of(text))
        differences.append(furthest(own_logits(model, ids_of(text)), logits_TV))
        log_TV = logits_TV[:-1].double().log_softmax(-1)
        mean_T = (log_TV.exp() * log_TV).sum(-1)
        std_T = (log_TV.exp() * (log_TV - mean_T[:, None]).square()).sum(-1).sqrt()
        target_T = log_TV.gather(1, ids_of(text)[0, 1:, None])[:, 0]
        own_3N = np.stack([statistics.log_prob_N, statistics.mean_N, statistics.std_N])
        differences.append(furthest(torch.from_numpy(own_3N), torch.stack([target_T, mean_T, std_T])))
    return max(differences)


def ft(family: str) -> float:
    """The cross-entropy of packed or padded rows, and the gradient that it gives to the last states."""
    found, _, counts = _loss(family, None)
    expected = sum(
        functional.cross_entropy(
            reference_logits(reference(family), ids_of(text))[text.response_from - 1 : -1],
            ids_of(text)[0, text.response_from :],
            reduction="sum",
        )
        for text in texts()
    )
    return max(furthest(found.total, expected / counts.response), _gradient_of_states(family))


def _gradient_of_states(family: str) -> float:
    """Compare the gradient of a loss in which each token has its own weight, as in training, GraNd and EL2N."""
    generator = torch.Generator().manual_seed(3)
    own = head(make_family(family))
    hidden_ND = torch.randn(11, own.width, generator=generator)
    targets_N = torch.randint(10, 300, (11,), generator=generator)
    weight_N = torch.rand(11, generator=generator)

    expected_ND = hidden_ND.clone().requires_grad_()
    logits_NV = logits_from(reference(family), expected_ND)
    loss_N = functional.cross_entropy(logits_NV, targets_N, reduction="none")
    [of_sum_ND] = torch.autograd.grad(loss_N.sum(), expected_ND, retain_graph=True)
    [of_weighted_ND] = torch.autograd.grad((loss_N * weight_N).sum(), expected_ND)
    error_N = (logits_NV.detach().softmax(-1) - functional.one_hot(targets_N, VOCABULARY)).norm(dim=-1)

    trained_ND = hidden_ND.clone().requires_grad_()
    linear_cross_entropy(trained_ND, own, targets_N, chunk=4).backward()
    weighted = head_gradient(own, hidden_ND, targets_N, weight_N)
    return max(
        furthest(trained_ND.grad, of_sum_ND),
        furthest(weighted.hidden_ND, of_weighted_ND),
        furthest(weighted.error_N, error_N),
    )


def ib_ft(family: str) -> float:
    """Every term of the loss, with the same noise."""
    torch.manual_seed(1)
    ib_head = IBHead(WIDTH, BOTTLENECK, normalize_hidden=True)
    found, batch, counts = _loss(family, Bottleneck(ib_head, _SETTINGS, LAYER))
    scope_BT = kl_tokens(batch.labels_BT, batch.valid_BT, "response")
    noise_NZ = draw_noise(batch, scope_BT, BOTTLENECK, torch.empty(0), _STEP)
    ce, kl, ce_ib = _objective(reference(family), ib_head, noise_NZ, counts.response)
    total = ce + _SETTINGS.alpha * (kl + _SETTINGS.beta * ce_ib)
    return furthest(torch.stack([found.total, found.ce, found.kl, found.ce_ib]), torch.stack([total, ce, kl, ce_ib]))


@torch.no_grad()
def _loss(family: str, bottleneck: Bottleneck | None) -> tuple[Loss, Batch, TokenCounts]:
    model = make_family(family)
    packed = can_pack(model)
    batch = pack(texts()) if packed else collate(texts(), 0)
    counts = count_tokens(batch.labels_BT, batch.valid_BT, "response")
    with packed_attention(model) if packed else nullcontext():
        return IBModel(model, bottleneck)(batch, counts, _STEP), batch, counts


@torch.no_grad()
def _objective(model: PreTrainedModel, ib_head: IBHead, noise_NZ: Tensor, tokens: int) -> tuple[Tensor, Tensor, Tensor]:
    ce, kl, ce_ib = torch.zeros(3)
    remaining_NZ = noise_NZ
    for text in texts():
        ids_T = ids_of(text)[0]
        predicts = slice(text.response_from - 1, len(text) - 1)
        targets_N = ids_T[text.response_from :]
        own_NZ, remaining_NZ = remaining_NZ[: len(targets_N)], remaining_NZ[len(targets_N) :]
        output = model(input_ids=ids_T[None], use_cache=False, output_hidden_states=True)
        ce += functional.cross_entropy(output.logits[0, predicts], targets_N, reduction="sum") / tokens
        hidden_ND = functional.rms_norm(output.hidden_states[LAYER][0, predicts], (WIDTH,))
        mean_NZ, log_variance_NZ = ib_head.mean(hidden_ND), ib_head.log_variance(hidden_ND)
        kl += 0.5 * (mean_NZ.square() + log_variance_NZ.exp() - 1 - log_variance_NZ).sum() / tokens
        decoded_ND = ib_head.decoder(mean_NZ + (0.5 * log_variance_NZ).exp() * own_NZ)
        ce_ib += functional.cross_entropy(logits_from(model, decoded_ND), targets_N, reduction="sum") / tokens
    return ce, kl, ce_ib


def grand(family: str) -> float:
    """Relative to the norm that autograd gives of each example alone."""
    model = make_family(family)
    if family in _IN_FLOAT64:
        model = model.double()
    with fresh_adapter(model, LoRA(rank=2), seed=5):
        for linear in lora_linears(model):
            torch.nn.init.normal_(linear.weight, std=0.1)
        weights = [linear.weight for linear in lora_linears(model)]
        norm_B, _ = example_gradients(model, texts(), "mean")
        differences = []
        for text, norm in zip(texts(), norm_B, strict=True):
            ids_1T = ids_of(text)
            logits_TV = model(input_ids=ids_1T, use_cache=False).logits[0]
            loss = functional.cross_entropy(logits_TV[text.response_from - 1 : -1], ids_1T[0, text.response_from :])
            gradients = torch.autograd.grad(loss, weights, allow_unused=True)
            expected = torch.stack([g.double().norm() for g in gradients if g is not None]).norm()
            differences.append(float(abs(norm - expected) / expected))
    return max(differences)


def geometry(family: str) -> float:
    found = pooled_states(make_family(family), [text.ids for text in texts()], LAYER, "mean", 1)
    expected = []
    for text in texts():
        with torch.no_grad():
            states = reference(family)(input_ids=ids_of(text), use_cache=False, output_hidden_states=True).hidden_states
        expected.append(states[LAYER][0, 1:].double().mean(0))
    return furthest(torch.from_numpy(found), torch.stack(expected))


def sampling(family: str) -> float:
    """0 if greedy decoding draws the tokens that are most likely by the whole forward pass, else 1."""
    prompts = [Prompt(str(number), tuple(text.ids.tolist()), (0,)) for number, text in enumerate(texts())]
    decoding = Decoding(0.0, 1.0, _NEW_TOKENS, (), ())
    found = {c.task_id: c for [c] in Decoder(make_family(family), make_tiny_tokenizer(), 2).sample(prompts, decoding)}
    for prompt in prompts:
        ids = list(prompt.token_ids)
        for _ in range(_NEW_TOKENS):
            ids.append(int(reference_logits(reference(family), torch.tensor([ids]))[-1].argmax()))
        if list(found[prompt.task_id].token_ids) != ids[len(prompt.token_ids) :]:
            return 1.0
    return 0.0


# The columns of the table.
QUANTITIES: dict[str, Callable[[str], float]] = {
    "Min-K%": min_k,
    "FT": ft,
    "IB-FT": ib_ft,
    "GraNd, EL2N": grand,
    "geometry": geometry,
    "sampling": sampling,
}
CLOSE, CLOSE_NORM = 1e-5, 1e-4  # a norm adds up the roundings of all layers and tokens
_HEADER = """<!-- written by `make families` -->
# Models that were compared with themselves

Each row is a tiny model of one `model_type` of transformers, with random weights in which biases, factors and soft caps
are drawn, too. A tick says that what a stage computes (in float32, on a CPU) equals what the model's own forward pass
with its own attention gives, to 1e-5 (GraNd to 1e-4 of itself); "refused" says that the stage stops with a sentence
that says what to do.

- **Min-K%**: logits, and log-probability, mean and deviation of each token. **FT**, **IB-FT**: the terms of the loss,
  and the gradient that the head gives. **GraNd, EL2N**: against autograd, one example at a time.
- **sampling** is greedy decoding by the engine `transformers`. Where it is refused, because a model keeps a recurrent
  state or attends in a way of its own, vLLM samples.
- **packed**: whether several texts share a row. Where not, they are scored one at a time, and training takes
  `packing: false`.
- **LoRA** lists the layers that `training.lora.target_modules: auto` stands for. Experts that are one fused parameter
  get none.

Any other model is compared in the same way, on one short text, whenever a stage loads it, and refused where it differs.

"""


def row(family: str) -> str:
    """One line of the table.

    Raises:
        AssertionError: a quantity is wrong, and nothing says so.
    """
    cells = [_cell(family, name) for name in QUANTITIES]
    packed = "yes" if can_pack(make_family(family)) else "no"
    lora = sorted({name.rpartition(".")[2] for name in linear_layers(make_family(family))})
    return f"| {' | '.join([f'`{family}`', *cells, packed, ' '.join(lora)])} |"


def _cell(family: str, name: str) -> str:
    try:
        difference = QUANTITIES[name](family)
    except UserError:
        return "refused"
    close = CLOSE_NORM if QUANTITIES[name] is grand else CLOSE
    assert difference <= close, f"{name} of {family} is off by {difference:.3g}"
    return "✓"


def table() -> str:
    columns = ["model_type", *QUANTITIES, "packed", "LoRA"]
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    return _HEADER + "\n".join([*lines, *map(row, CONFIGS)]) + "\n"


if __name__ == "__main__":
    sys.stdout.write(table())
