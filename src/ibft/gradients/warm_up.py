"""A freshly initialised LoRA adapter, taken a few steps into plain fine-tuning: where GraNd is measured."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from transformers import PreTrainedModel

from ibft.config.sections import LoRA, Training
from ibft.models.encoding import EncodedExample
from ibft.models.lora import add_lora
from ibft.training.backend import TorchBackend
from ibft.training.distributed import ALONE
from ibft.training.model import IBModel
from ibft.training.step import Order, Stepper


@contextmanager
def fresh_adapter(model: PreTrainedModel, lora: LoRA, seed: int) -> Iterator[None]:
    """Inside, `model` carries a LoRA adapter drawn with `seed`, in evaluation mode; afterwards it is as before."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        with_lora = add_lora(model, lora)
        model.eval()  # new LoRA layers begin with their dropout on
        try:
            yield
        finally:
            with_lora.unload()


def warm_up(model: PreTrainedModel, groups: Sequence[Sequence[EncodedExample]], settings: Training) -> None:
    """Fine-tune the adapter of `model` by FT's own step at a constant rate, one optimizer step for each of `groups`.

    LoRA dropout is on. Leaves the model in evaluation mode.
    """
    ib_model = IBModel(model, None, settings.precision)
    backend = TorchBackend(ib_model, settings, ALONE)
    ib_model.train()
    stepper = Stepper(backend, ib_model, settings, pad_token=0, world=ALONE)
    for step, group in enumerate(groups, start=1):
        stepper.take(Order(group, (0, step), settings.learning_rate)).read(step)
    ib_model.eval()
