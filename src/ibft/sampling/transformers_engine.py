"""Sampling with transformers, an adapter folded into the base model's weights."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import transformers

from ibft.models.loading import load_model
from ibft.sampling.decoder import Decoder
from ibft.sampling.engine import Completion, Group


class TransformersEngine:
    """The model in a folder, with or without an adapter; see `ibft.sampling.engine.Engine`."""

    name = "transformers"
    version = f"{transformers.__version__}+torch{torch.__version__.partition('+')[0]}"

    def __init__(self, model: Path, adapter: Path | None, *, precision: str, batch_size: int) -> None:
        """
        Args:
            batch_size: see `Decoder`.

        Raises:
            UserError: the model or the adapter is missing or damaged, or `Decoder` cannot decode it.
        """
        loaded, self.tokenizer = load_model(model, adapter, precision, merge=True)
        self._decoder = Decoder(loaded, self.tokenizer, batch_size)

    def sample(self, groups: Sequence[Group]) -> Iterator[tuple[int, list[Completion]]]:
        """See `Engine.sample`; group after group.

        Raises:
            UserError: a prompt does not fit the model's context.
        """
        for number, group in enumerate(groups):
            for completions in self._decoder.sample(group.prompts, group.decoding):
                yield number, completions
