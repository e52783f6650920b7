"""Exact per-example norms of the LoRA gradient, and EL2N, of a whole batch in one forward and one backward pass.

A LoRA layer computes B(A(x)). For one example, the gradient of the loss with respect to a linear layer's weight is the
sum over its tokens of (gradient of the output) x (input), and no other example of the batch takes part in it. So it is
enough to see, for A and for B, the input in the forward pass and the gradient of the output in the backward pass: the
two are contracted over the tokens of each example, squared and summed, and forgotten, layer by layer. No parameter
gradient is ever computed, and the [B, T, V] logits never exist.

Padding stands on the right, where causal attention lets no loss depend on it: its output gradients are zero.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from ibft.gradients.frugal import autocast_within
from ibft.models.architecture import decoder, head, model_type
from ibft.models.batching import pad_right, send, states_at
from ibft.models.encoding import EncodedExample
from ibft.models.head import Head, accumulating, chunk_of, logit_chunks, subtract_one_hot_
from ibft.runtime.errors import UserError

Reduction = Literal["mean", "sum"]
Receive = Callable[[nn.Module, Tensor], None]

_SCALE_IN_FLOAT16 = 2.0**10  # times the loss: float16 rounds what is below 3e-8 to 0


@dataclass(frozen=True)
class HeadGradient:
    """The cross-entropy of each picked-out token gives a gradient and an error vector, whose length is kept."""

    hidden_ND: Tensor  # d(weight_n * cross-entropy_n) / d(hidden_n)
    error_N: Tensor  # ||softmax - one-hot||_2


def example_gradients(
    model: PreTrainedModel, texts: Sequence[EncodedExample], reduction: Reduction
) -> tuple[Tensor, Tensor]:
    """Return norm_B and el2n_B: each example's l2 gradient norm over all LoRA weights and mean EL2N, in float64.

    Args:
        model: a causal language model with LoRA layers whose dropout is off (evaluation mode) and whose head is frozen.
        texts: examples with at least one response token each.
        reduction: whether an example's loss is the mean or the sum of its response tokens' cross-entropies.

    Raises:
        UserError: a layer reads something else than every token once, so that its inputs do not give its gradient; or
            a gradient is larger than float16 can say.
    """
    squared_B = torch.zeros(len(texts), dtype=torch.float64, device=model.device)

    def add(_: nn.Module, gradient_BOI: Tensor) -> None:
        squared_B.add_(squared_norms(gradient_BOI))

    el2n_B = pass_gradients(model, texts, reduction, add)
    check_finite(model, squared_B)
    return squared_B.sqrt().cpu(), el2n_B


def pass_gradients(
    model: PreTrainedModel, texts: Sequence[EncodedExample], reduction: Reduction, receive: Receive
) -> Tensor:
    """Hand `receive` every LoRA layer with the gradients of its weight, [B, O, I], one for each of `texts`.

    Layers come in the order of the backward pass, and are forgotten one by one. See `example_gradients`.

    Returns:
        el2n_B: the mean EL2N of each example, in float64.
    """
    ids_BT = pad_right([text.ids for text in texts], torch.device("cpu"))
    loss_BT = response_mask(texts, ids_BT.shape[1])
    tokens_B = loss_BT.sum(1)
    weight_BT = loss_BT / tokens_B[:, None] if reduction == "mean" else loss_BT.float()
    scale = _SCALE_IN_FLOAT16 if model.dtype == torch.float16 else 1.0
    targets_N, weight_N, example_N = (
        send(each, model.device) for each in (ids_BT[loss_BT], scale * weight_BT[loss_BT], loss_BT.nonzero()[:, 0])
    )
    ids_BT = send(ids_BT, model.device)

    def unscaled(layer: nn.Module, gradient_BOI: Tensor) -> None:
        receive(layer, gradient_BOI if scale == 1 else gradient_BOI.float() / scale)

    with (
        _watched_lora(model, ids_BT, unscaled),
        _differentiable_embeddings(model) as embedded,
        autocast_within(model),
    ):
        hidden_BTD = decoder(model)(input_ids=ids_BT, use_cache=False).last_hidden_state
        hidden_ND = states_at(hidden_BTD[:, :-1], loss_BT[:, 1:])
        of_head = head_gradient(head(model), hidden_ND.detach(), targets_N, weight_N)
        torch.autograd.grad(hidden_ND, embedded, of_head.hidden_ND)
    el2n_B = torch.zeros(len(texts), dtype=torch.float64, device=model.device)
    el2n_B.index_add_(0, example_N, of_head.error_N.double())
    return el2n_B.cpu() / tokens_B


def squared_norms(gradient_BOI: Tensor) -> Tensor:
    """Return the squared l2 norm of each example's gradient of one layer: float64, [B]."""
    norm_B = torch.linalg.vector_norm(gradient_BOI, dim=(1, 2), dtype=accumulating(gradient_BOI))
    return cast(Tensor, norm_B.double().square())


def check_finite(model: PreTrainedModel, squared: Tensor) -> None:
    """Raise `UserError` where a gradient was larger than the precision of `model` can say."""
    if not squared.isfinite().all():
        raise UserError(
            f"GraNd of a model of type {model_type(model)}: a gradient is not finite in its precision; set "
            "models.NAME.precision to bfloat16 or float32"
        )


def response_mask(texts: Sequence[EncodedExample], length: int) -> Tensor:
    """Return true on the tokens that the loss is taken on: [B, T] for a `length` of T, on the CPU."""
    mask_BT = torch.zeros((len(texts), length), dtype=torch.bool)
    for row, text in enumerate(texts):
        mask_BT[row, : len(text)] = torch.from_numpy(text.learned)
    return mask_BT


@torch.no_grad()
def head_gradient(head: Head, hidden_ND: Tensor, targets_N: Tensor, weight_N: Tensor) -> HeadGradient:
    """Gradient of sum_n weight_n * CE(head(hidden_n), target_n) with respect to the states, and EL2N of each token.

    The gradient of a token's logits is its error vector, softmax - one-hot, so both come from the same few rows of
    logits, which exist a chunk at a time.
    """
    gradient_ND = torch.empty_like(hidden_ND)
    error_N = hidden_ND.new_empty(len(hidden_ND), dtype=accumulating(hidden_ND))
    for rows, logits_nV in logit_chunks(head, hidden_ND, chunk_of(head)):
        slope_nV = head.slope(logits_nV)
        error_nV = subtract_one_hot_(torch.softmax(logits_nV, -1, out=logits_nV), targets_N[rows])
        error_N[rows] = torch.linalg.vector_norm(error_nV, dim=-1)
        error_nV *= weight_N[rows, None]
        gradient_ND[rows] = head.pull_back(error_nV, slope_nV)
    return HeadGradient(gradient_ND, error_N)


def lora_linears(model: nn.Module) -> list[nn.Linear]:
    """Return every A and B of the active adapter."""
    return [
        module
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear) and {"lora_A", "lora_B"} & set(name.split("."))
    ]


@contextmanager
def _differentiable_embeddings(model: PreTrainedModel) -> Iterator[list[Tensor]]:
    """Inside, every forward pass appends its embeddings [B, T, D], which gradients reach, to the list given out.

    A model is given its token ids all the same: some look at them again in later layers.
    """
    embedded: list[Tensor] = []
    hook = model.get_input_embeddings().register_forward_hook(
        lambda _module, _inputs, output_BTD: embedded.append(output_BTD.requires_grad_())
    )
    try:
        yield embedded
    finally:
        hook.remove()


class _Watched(torch.autograd.Function):
    """Passes an output [.., O] on; `receive` is handed its gradient times the input that the layer reads, [B, O, I]."""

    @staticmethod
    def forward(ctx: Any, output: Tensor, input_NI: Tensor, examples: int, receive: Callable[[Tensor], None]) -> Tensor:
        ctx.save_for_backward(input_NI)
        ctx.examples, ctx.receive = examples, receive
        return output.view_as(output)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        [gradient], [input_NI] = gradients, ctx.saved_tensors
        gradient_BTO = gradient.reshape(ctx.examples, -1, gradient.shape[-1])
        input_BTI = input_NI.to(gradient.dtype).unflatten(0, (ctx.examples, -1))
        ctx.receive(torch.einsum("bto,bti->boi", gradient_BTO, input_BTI))
        return gradient, None, None, None


def _in_a_backward_pass() -> bool:
    return torch._C._current_graph_task_id() != -1


@contextmanager
def _watched_lora(model: PreTrainedModel, ids_BT: Tensor, receive: Receive) -> Iterator[None]:
    """Inside, a backward pass hands `receive` each LoRA layer with each example's gradient of its weight."""
    examples, length = ids_BT.shape
    seen: set[nn.Module] = set()

    def watch(linear: nn.Module, inputs: tuple[Any, ...], output: Tensor) -> Tensor:
        input_NI = inputs[0].detach().flatten(0, -2)
        is_again = linear in seen and not _in_a_backward_pass()  # there, layers are computed again to save memory
        if is_again or len(input_NI) != examples * length:
            raise UserError(
                f"GraNd of a model of type {model_type(model)} is not measured: a layer with LoRA is used twice, or on "
                "some tokens alone; name other layers in training.lora.target_modules, or select by mink"
            )
        seen.add(linear)
        watched = _Watched.apply(output, input_NI, examples, partial(receive, linear))  # type: ignore[no-untyped-call]
        return cast(Tensor, watched)

    hooks = [linear.register_forward_hook(watch) for linear in lora_linears(model)]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
