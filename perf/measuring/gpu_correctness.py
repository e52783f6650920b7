"""Each check compares numbers of this device with a reference, and returns whether they are within bounds."""

import os
import socket
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed
from torch.nn.functional import cosine_similarity, cross_entropy
from transformers import PreTrainedModel

from ibft.config.sections import LoRA, Method, Training
from ibft.gradients.frugal import frugal_passes
from ibft.gradients.lora_gradients import example_gradients
from ibft.models import attention
from ibft.models.architecture import decoder, head
from ibft.models.attention import packed_arguments, packed_attention
from ibft.models.encoding import EncodedExample
from ibft.models.head import Head
from ibft.models.loading import cast_parameters
from ibft.models.lora import add_lora
from ibft.training import model as training_model
from ibft.training.backend import TorchBackend
from ibft.training.batches import pack
from ibft.training.checkpoint import Checkpoints
from ibft.training.distributed import ALONE
from ibft.training.fused_lora import fuse_lora
from ibft.training.linear_cross_entropy import linear_cross_entropy
from ibft.training.loop import train
from ibft.training.model import IBModel
from ibft.training.objective import count_tokens
from ibft.training.recipe import Recipe, make_bottleneck
from measuring.shapes import Shape, texts

Found = dict[str, Any]
SMALL = Shape(1024, 2816, 4, 16, 4, 32000)
TINY = Shape(64, 128, 2, 4, 2, 300)


def checks(device: torch.device, tiny: bool) -> dict[str, Callable[[], Found]]:
    """Return every check by name."""
    shape = TINY if tiny else SMALL
    vocabulary = 1000 if tiny else 128_256
    half = torch.bfloat16
    return {
        "rotary frequencies stay float32": lambda: rotary_frequencies(shape, device),
        "fused LoRA is peft's, float32": lambda: fused_against_peft(shape, device, torch.float32),
        "fused LoRA is peft's, bfloat16": lambda: fused_against_peft(shape, device, half),
        "a text in a packed row is as alone": lambda: packed_against_alone(shape, device, half),
        "varlen attention is SDPA, text by text": lambda: varlen_against_per_text(shape, device),
        "cross-entropy in chunks": lambda: chunked_cross_entropy(device, vocabulary),
        "IB-FT loss as on a CPU": lambda: ib_ft_as_on_cpu(shape, device),
        "GraNd is autograd on each example": lambda: grand_against_autograd(shape, device),
        "GraNd in half precision": lambda: grand_in_half_precision(shape, device),
        "20 steps, killed and resumed": lambda: killed_and_resumed(shape, device),
        "a pass too large is halved": lambda: halved(shape, device),
        "one process over NCCL": lambda: one_process(device),
    }


def judged(value: float, most: float) -> Found:
    return {"value": value, "most": most, "right": bool(value <= most)}


def adapted(shape: Shape, device: torch.device, dtype: torch.dtype, *, fused: bool) -> PreTrainedModel:
    """A model with LoRA whose B is not zero, without dropout."""
    model = shape.model(device, dtype)
    torch.manual_seed(1)
    add_lora(model, LoRA(rank=8, dropout=0.0))
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            parameter.data.normal_(std=0.02)
    if fused:
        fuse_lora(model)
    return model


def gradients(model: PreTrainedModel, texts: list[EncodedExample]) -> Tensor:
    """The gradient of FT's loss over one packed row, all parameters in one vector, on the CPU."""
    ib_model = IBModel(model, None, "bfloat16" if model.dtype == torch.bfloat16 else "float32")
    batch = pack(texts)
    with packed_attention(model):
        loss = ib_model(batch, count_tokens(batch.labels_BT, batch.valid_BT, "response"), (0, 1))
    parts = torch.autograd.grad(loss.total, list(ib_model.trained().values()))
    return torch.cat([part.flatten().float().cpu() for part in parts])


def apart(found: Tensor, expected: Tensor) -> float:
    """Return 1 - cosine of two vectors."""
    return 1 - float(cosine_similarity(found.double().flatten(), expected.double().flatten(), dim=0))


def rotary_frequencies(shape: Shape, device: torch.device) -> Found:
    exact = shape.model(torch.device("cpu"), torch.float32).model.rotary_emb.inv_freq
    found = cast_parameters(shape.model(device, torch.float32), torch.bfloat16).model.rotary_emb.inv_freq
    return judged(float((found.cpu() / exact - 1).abs().max()), 1e-6)


def fused_against_peft(shape: Shape, device: torch.device, dtype: torch.dtype) -> Found:
    examples = texts(128, 64, shape.vocabulary)
    found, expected = (gradients(adapted(shape, device, dtype, fused=fused), examples) for fused in (True, False))
    if dtype == torch.float32:
        return judged(float((found - expected).abs().max() / expected.abs().max()), 1e-5)
    return judged(apart(found, expected), 1e-3)


def packed_against_alone(shape: Shape, device: torch.device, dtype: torch.dtype) -> Found:
    model = shape.model(device, dtype)
    lengths = (3, 40, 17, 64)
    ids_1T = torch.arange(sum(lengths), device=device)[None] % shape.vocabulary
    with torch.no_grad(), packed_attention(model):
        row_TD = decoder(model)(ids_1T, use_cache=False, **packed_arguments(lengths, device)).last_hidden_state[0]
        furthest = 0.0
        for own_TD, ids in zip(row_TD.split(lengths), ids_1T[0].split(lengths), strict=True):
            layout = packed_arguments((len(ids),), device)
            alone_TD = decoder(model)(ids[None], use_cache=False, **layout).last_hidden_state[0]
            furthest = max(furthest, float((own_TD - alone_TD).abs().max() / alone_TD.abs().max()))
    return judged(furthest, attention.TOLERANCE[dtype])


def varlen_against_per_text(shape: Shape, device: torch.device) -> Found:
    if device.type != "cuda" or not attention.has_varlen(device):
        return {"left out": "no varlen attention on this device"}
    examples = [*texts(64, 64, shape.vocabulary), *texts(48, 24, shape.vocabulary)]
    found = gradients(adapted(shape, device, torch.bfloat16, fused=True), examples)
    has = attention.has_varlen
    attention.has_varlen = lambda _: False
    try:
        expected = gradients(adapted(shape, device, torch.bfloat16, fused=True), examples)
    finally:
        attention.has_varlen = has
    return judged(apart(found, expected), 1e-3)


def chunked_cross_entropy(device: torch.device, vocabulary: int) -> Found:
    torch.manual_seed(2)
    hidden_ND = torch.randn(300, 64, device=device, requires_grad=True)
    weight_VD = torch.randn(vocabulary, 64, device=device) / 8
    targets_N = torch.randint(vocabulary, (300,), device=device)
    found = linear_cross_entropy(hidden_ND, Head(weight_VD), targets_N, chunk=128)
    [gradient_ND] = torch.autograd.grad(found, hidden_ND)
    exact_ND = hidden_ND.detach().double().requires_grad_()
    expected = cross_entropy(exact_ND @ weight_VD.double().T, targets_N, reduction="sum")
    [expected_ND] = torch.autograd.grad(expected, exact_ND)
    loss = abs(float(found.detach().double() / expected.detach() - 1))
    return judged(max(loss, float((gradient_ND - expected_ND).abs().max() / expected_ND.abs().max())), 1e-3)


def ib_ft_as_on_cpu(shape: Shape, device: torch.device) -> Found:
    """The same weights, the same noise, float32: products of a GPU in full float32 differ by rounding alone."""
    recipe = Recipe(Method(kind="ibft", bottleneck=16), 2, "chat", Training(), seed=0)
    batch = pack(texts(96, 48, shape.vocabulary))
    counts = count_tokens(batch.labels_BT, batch.valid_BT, "response")
    draw = training_model.draw_noise
    on_cpu = adapted(shape, torch.device("cpu"), torch.float32, fused=True)
    torch.manual_seed(3)
    bottleneck = make_bottleneck(on_cpu, recipe)
    totals = []

    def noise(batch: Any, scope_BT: Tensor, width: int, like: Tensor, seed: Any) -> Tensor:
        return draw(batch, scope_BT, width, like.detach().cpu(), seed).to(like.device)

    training_model.draw_noise = noise
    try:
        for place in (torch.device("cpu"), device):
            ib_model = IBModel(on_cpu, bottleneck).to(place)
            with packed_attention(on_cpu):
                loss = ib_model(batch, counts, (1, 2))
                totals.append(torch.stack([part.detach().cpu() for part in (loss.total, loss.ce, loss.kl, loss.ce_ib)]))
    finally:
        training_model.draw_noise = draw
    return judged(float((totals[1] / totals[0] - 1).abs().max()), 1e-4)


def grand_against_autograd(shape: Shape, device: torch.device) -> Found:
    model = adapted(shape, device, torch.float32, fused=False)
    examples = [*texts(40, 40, shape.vocabulary), *texts(24, 12, shape.vocabulary)]
    with frugal_passes(model):
        found_B, _ = example_gradients(model, examples, "mean")
    return judged(float((found_B / _norms_by_autograd(model, examples) - 1).abs().max()), 1e-3)


def _norms_by_autograd(model: PreTrainedModel, examples: list[EncodedExample]) -> Tensor:
    norms = []
    for text in examples:
        ids = torch.tensor(text.ids.tolist(), device=model.device)
        hidden_TD = decoder(model)(ids[None], use_cache=False).last_hidden_state[0]
        logits = head(model).logits(hidden_TD[text.first_predicted - 1 : -1])
        trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
        parts = torch.autograd.grad(cross_entropy(logits, ids[text.first_predicted :]), trained)
        norms.append(torch.stack([part.double().square().sum() for part in parts]).sum().sqrt().cpu())
    return torch.stack(norms)


def grand_in_half_precision(shape: Shape, device: torch.device) -> Found:
    """Frugal passes in bfloat16 against plain ones, whose adapter is float32, on the same bfloat16 weights."""
    model = adapted(shape, device, torch.bfloat16, fused=False)
    examples = texts(120, 40, shape.vocabulary)
    expected_B, _ = example_gradients(model, examples, "mean")
    with frugal_passes(model, on_cpu=True):
        found_B, _ = example_gradients(model, examples, "mean")
    return judged(float((found_B / expected_B - 1).abs().max()), 0.05)


class _KilledError(Exception):
    pass


def killed_and_resumed(shape: Shape, device: torch.device) -> Found:
    """float16 with its loss scale on a GPU; on a CPU, which does not train in it, bfloat16."""
    precision = "float16" if device.type == "cuda" else "bfloat16"
    whole = _trained(shape, device, precision, kill_after=None)
    broken = _trained(shape, device, precision, kill_after=13)
    furthest = max(apart(broken[name], whole[name]) for name in whole if whole[name].any())
    same = all(torch.equal(whole[name], broken[name]) for name in whole)  # some kernels of GPUs add in any order
    return judged(furthest, 1e-3 if device.type == "cuda" else 1e-12) | {"same bits": same, "precision": precision}


def _trained(
    shape: Shape, device: torch.device, precision: str, kill_after: int | None, examples: int = 40, **changed: Any
) -> dict[str, Tensor]:
    asked = {"epochs": 2, "learning_rate": 1e-3, "precision": precision, "lora": {"rank": 4}}
    settings = Training.model_validate(asked | changed)
    data = [EncodedExample(text.ids, text.response_from, index=i) for i, text in enumerate(texts(24 * examples, 24))]
    with tempfile.TemporaryDirectory() as folder:
        checkpoints = Checkpoints(Path(folder) / "checkpoint.safetensors", 5, "key")

        def run(die_after: int | None) -> dict[str, Tensor]:
            torch.manual_seed(0)
            model = shape.model(device, torch.float32)
            add_lora(model, settings.lora)
            fuse_lora(model)
            ib_model = IBModel(model, None, precision)

            def die(step: int, _numbers: dict[str, float]) -> None:
                if step == die_after:
                    raise _KilledError

            with packed_attention(model):
                return train(
                    ib_model,
                    TorchBackend(ib_model, settings, ALONE),
                    data,
                    settings,
                    seed=0,
                    pad_token=0,
                    checkpoints=checkpoints,
                    world=ALONE,
                    trackers=[die],
                ).learned

        if kill_after is not None:
            with suppress(_KilledError):
                run(kill_after)
        return run(None)


def halved(shape: Shape, device: torch.device) -> Found:
    """Steps in whole passes against steps that are refused more than half of one."""
    whole = _trained(shape, device, "float32", None, examples=8, lora={"rank": 4, "dropout": 0.0})
    forward = IBModel.forward

    def small(ib_model: IBModel, batch: Any, *others: Any) -> Any:
        if len(batch.indices) > 2:
            raise torch.OutOfMemoryError("made up")
        return forward(ib_model, batch, *others)

    IBModel.forward = small  # type: ignore[method-assign]
    try:
        parts = _trained(shape, device, "float32", None, examples=8, lora={"rank": 4, "dropout": 0.0})
    finally:
        IBModel.forward = forward  # type: ignore[method-assign]
    return judged(max(apart(parts[name], whole[name]) for name in whole if whole[name].any()), 1e-2)


def one_process(device: torch.device) -> Found:
    """A group of one adds up: NCCL on a GPU, gloo on a CPU."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(port), RANK="0", WORLD_SIZE="1")
    kind = "nccl" if device.type == "cuda" else "gloo"
    distributed.init_process_group(kind)
    try:
        total = torch.full((3,), 2.0, device=device)
        distributed.all_reduce(total)
        distributed.barrier()
        return {"value": kind, "most": "adds up", "right": total.tolist() == [2.0] * 3}
    finally:
        distributed.destroy_process_group()
        del os.environ["WORLD_SIZE"]
