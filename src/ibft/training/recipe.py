"""Fine-tune one variant: base model + examples -> adapter folder + training log."""

import logging
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import pandas as pd
import torch
from peft import PeftModel, get_peft_model
from safetensors.torch import save
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.config.sections import Method, Training
from ibft.models.architecture import head, layers, model_type, width
from ibft.models.attention import can_pack, packed_attention
from ibft.models.encoding import EncodedExample, encode_with_profile
from ibft.models.lora import peft_config
from ibft.models.pass_memory import Stage, tokens_of_pass
from ibft.runtime.errors import UserError
from ibft.runtime.trackers import Tracker
from ibft.store.files import write_bytes
from ibft.training.backend import Backend, TorchBackend
from ibft.training.checkpoint import Checkpoints
from ibft.training.deepspeed_backend import DeepSpeedBackend
from ibft.training.distributed import ALONE, World
from ibft.training.fused_lora import ADAPTER, Route, fuse_lora
from ibft.training.held_out import HeldOutExamples
from ibft.training.loop import Trained, training_run
from ibft.training.model import Bottleneck, HeadTraining, IBModel
from ibft.training.objective import IBHead, IBSettings, NoisyHead
from ibft.training.step import Stepper
from ibft.training.together import run_together

logger = logging.getLogger(__name__)

_RELEASED_LOG_VARIANCE_LIMIT = 4.0  # docs/adr/0006-objective-of-the-released-code.md
_SAVED = ("README.md", "adapter_config.json", "adapter_model.safetensors", "ib_head.safetensors")


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what a variant learns, besides the model and the examples."""

    method: Method
    layer: int
    profile: str
    training: Training
    seed: int

    @property
    def key(self) -> str:
        """Write all settings as one text; a new key of the configuration enters it only when it leaves its default."""
        return repr((self.method.as_json(), self.layer, self.profile, self.training.as_json(), self.seed))


@dataclass(frozen=True)
class Task:
    """A task trains one variant.

    Attributes:
        adapter: folder that is written, with the adapter and the bottleneck.
        checkpoints: they live while training runs and are gone afterwards.
        held_out: examples that are scored before, after and on the way, `held_out_points` times but for the first.
    """

    recipe: Recipe
    examples: pd.DataFrame
    adapter: Path
    checkpoints: Checkpoints
    held_out: pd.DataFrame | None = None
    held_out_points: int = 4
    trackers: Sequence[Tracker] = ()


def fine_tune(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    tasks: Sequence[Task],
    *,
    world: World = ALONE,
    deepspeed: str | None = None,
) -> list[Trained]:
    """Train the variants of one base, together if they are several, and write their folders.

    Several have one process, one `precision` and one `max_length`, and are packed without gradient checkpointing.

    Raises:
        UserError: a name in `training.lora.target_modules` is that of no linear layer, or an adapter learned nothing.
    """
    recipes = [task.recipe for task in tasks]
    with_lora, ib_models = make_trainable(model, recipes, fused=deepspeed is None)  # ZeRO-3 holds weights in parts
    settings = recipes[0].training
    stage: Stage = "training_checkpointed" if settings.gradient_checkpointing else "training"
    pad_token = tokenizer.pad_token_id or 0
    steppers, runs = {}, {}
    with attention_for(model, packing=settings.packing):
        for task, ib_model in zip(tasks, ib_models, strict=True):
            in_pass = tokens_of_pass(task.recipe.training.micro_batch_tokens, model, stage)
            training = task.recipe.training.model_copy(update={"micro_batch_tokens": in_pass})

            def encode(frame: pd.DataFrame, own: Recipe = task.recipe) -> list[EncodedExample]:
                return encode_with_profile(tokenizer, frame, own.profile, own.training.max_length)

            scored = None
            if (held_out := task.held_out) is not None:
                ids, own = held_out["example_id"].tolist(), encode(held_out)
                points = task.held_out_points
                scored = HeldOutExamples(ids, own, training, points=points, pad_token=pad_token, world=world)
            backend = _make_backend(ib_model, training, world, deepspeed)
            stepper = Stepper(backend, ib_model, training, pad_token, world)
            run = training_run(
                stepper, encode(task.examples), task.checkpoints, task.recipe.seed, scored, task.trackers
            )
            steppers[ib_model.adapter], runs[ib_model.adapter] = stepper, run
        trained = run_together(runs, steppers)
    if world.is_main:
        for task, ib_model in zip(tasks, ib_models, strict=True):
            _save(with_lora, ib_model.adapter, trained[ib_model.adapter].learned, task.adapter)
            task.checkpoints.remove()
    world.barrier()
    return [trained[ib_model.adapter] for ib_model in ib_models]


def make_trainable(
    model: PreTrainedModel, recipes: Sequence[Recipe], *, fused: bool = True
) -> tuple[PeftModel, list[IBModel]]:
    """Put LoRA layers into `model` for each recipe, freshly drawn, and its bottleneck beside them.

    Raises:
        UserError: a name in `training.lora.target_modules` is that of no linear layer.
    """
    configs = [peft_config(model, recipe.training.lora) for recipe in recipes]
    names = [ADAPTER] if len(recipes) == 1 else [f"variant{number}" for number in range(len(recipes))]
    route = Route(names[0])
    with_lora: PeftModel | None = None
    ib_models = []
    for name, config, recipe in zip(names, configs, recipes, strict=True):
        torch.manual_seed(recipe.seed)
        if with_lora is None:
            with_lora = cast(PeftModel, get_peft_model(model, config, adapter_name=name))
        else:
            with_lora.add_adapter(name, config)
        bottleneck = make_bottleneck(model, recipe)
        ib_models.append(IBModel(model, bottleneck, recipe.training.precision, adapter=name, route=route))
    assert with_lora is not None  # noqa: S101 - for mypy: there is a recipe
    for name, parameter in model.named_parameters():  # peft lets the adapter alone learn that it calls active
        parameter.requires_grad_(".lora_" in name)
    if fused:
        logger.info("fused %d LoRA layers", fuse_lora(model, route))
    if recipes[0].training.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        model.enable_input_require_grads()
    return with_lora, ib_models


def attention_for(model: PreTrainedModel, *, packing: bool) -> AbstractContextManager[None]:
    """Inside, `model` reads packed rows, where `packing` is wanted.

    Raises:
        UserError: its attention cannot be kept within each example.
    """
    if not packing:
        return nullcontext()
    if not can_pack(model):
        raise UserError(
            f"training.packing: the attention of {model_type(model)} cannot be kept within each example of a packed "
            "row; set training.packing to false"
        )
    return packed_attention(model)


def _make_backend(ib_model: IBModel, training: Training, world: World, deepspeed: str | None) -> Backend:
    if ib_model.device.type == "cpu" and ib_model.dtype == torch.float16:
        raise UserError(
            "training.precision: float16, of the pass or of the weights (models.NAME.precision), does not train on a "
            "CPU; use float32 or bfloat16"
        )
    if deepspeed is None:
        return TorchBackend(ib_model, training, world)
    if ib_model.bottleneck and (
        ib_model.bottleneck.training.warmup_steps or ib_model.bottleneck.training.clip == "apart"
    ):
        raise UserError(
            "compute.deepspeed: it takes one norm of all gradients, and one of each parameter in every step; set the "
            "method's `clip: together` and `head_warmup_steps: 0`, or leave compute.deepspeed out"
        )
    return DeepSpeedBackend(ib_model, training, world, deepspeed)


def make_bottleneck(model: PreTrainedModel, recipe: Recipe) -> Bottleneck | None:
    """Return the bottleneck that `recipe` asks for, freshly drawn; None for FT.

    Raises:
        UserError: the model has no such layer, its head reads states of another width, or KL needs the padding that
            packed rows lack.
    """
    if recipe.method.kind == "ft":
        return None
    method = recipe.method
    released = method.kind == "ibft" and method.objective == "released-code"
    depth = len(layers(model))
    if recipe.layer > depth:
        raise UserError(f"the method's layer: {recipe.layer} is out of range, {model_type(model)} has 1 to {depth}")
    if method.has_head and head(model).width != width(model):
        raise UserError(
            f"IB-FT puts the head on states as wide as the layers' ({width(model)}), and that of this "
            f"{model_type(model)} reads states of width {head(model).width}: use another model, or FT alone"
        )
    if released and recipe.training.packing:
        raise UserError("training.packing: objective released-code averages KL over padding; set packing to false")
    ib_head = _make_head(method, width(model))
    head_rate = method.head_learning_rate or recipe.training.learning_rate
    return Bottleneck(
        ib_head.to(model.device) if ib_head else None,
        _settings_of(method),
        recipe.layer,
        HeadTraining(method.head_warmup_steps, head_rate / recipe.training.learning_rate, method.clip),
    )


def _make_head(method: Method, state_width: int) -> IBHead | NoisyHead | None:
    normalize = method.normalize_hidden
    if method.kind == "rms":
        return None
    if method.kind == "noise":
        return NoisyHead(state_width, method.bottleneck, method.noise_scale, normalize_hidden=normalize)
    limit = _RELEASED_LOG_VARIANCE_LIMIT if method.objective == "released-code" else None
    return IBHead(state_width, method.bottleneck, normalize_hidden=normalize, log_variance_limit=limit)


def _settings_of(method: Method) -> IBSettings:
    """Return the objective of a method: of a control the one that is called like its kind."""
    if method.kind in ("noise", "rms"):
        return IBSettings(method.alpha, kl_scope=method.kl_scope, objective="noise" if method.has_head else "rms")
    if method.objective == "released-code":
        return IBSettings(method.alpha, method.beta, kl_scope="padded", kl_reduction="mean")
    return IBSettings(
        method.alpha,
        method.beta,
        kl_scope=method.kl_scope,
        kl_reduction=method.kl_reduction,
        objective=method.objective,
        kl_weight=method.kl_weight,
    )


def _save(model: PeftModel, name: str, learned: Mapping[str, Tensor], adapter: Path) -> None:
    """Write adapter `name` as peft reads it, and its bottleneck. `learned` is whole where `model` may be in parts."""
    in_peft = {name.replace("model.", "base_model.model.", 1): t for name, t in learned.items() if "lora_" in name}
    if not any(tensor.any() for name, tensor in in_peft.items() if "lora_B" in name):
        raise UserError("training changed nothing: every LoRA B matrix is zero; raise training.epochs or learning_rate")
    for file in _SAVED:  # by an earlier run: peft would add to its README, and FT leaves no bottleneck
        (adapter / file).unlink(missing_ok=True)
    config = model.peft_config[name]
    config.target_modules = sorted(config.target_modules)  # peft holds a set, in whose order it would be written
    model.peft_config[ADAPTER] = config  # another one would be written into a folder of its name
    model.save_pretrained(adapter, state_dict=in_peft, save_embedding_layers=False, selected_adapters=[ADAPTER])
    for written in adapter.glob("*.safetensors"):
        written.chmod(0o644)
    bottleneck = {name.removeprefix("ib_head."): t for name, t in learned.items() if name.startswith("ib_head.")}
    if bottleneck:
        write_bytes(adapter / "ib_head.safetensors", save(bottleneck))
