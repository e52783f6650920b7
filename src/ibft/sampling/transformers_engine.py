"""Sampling with transformers: one adapter after the other, each folded into the base model's weights."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
import transformers

from ibft.models.loaders import read_tokenizer
from ibft.models.loading import load_model
from ibft.sampling.decoder import Decoder
from ibft.sampling.engine import Completion, Group
from ibft.store.manifests import verify


class TransformersEngine:
    """The model in a folder; see `ibft.sampling.engine.Engine`.

    Weights are read when the first group that needs them comes, and kept until one comes that needs others: groups of
    one adapter should be neighbours.
    """

    name = "transformers"
    version = f"{transformers.__version__}+torch{torch.__version__.partition('+')[0]}"

    def __init__(self, model: Path, *, precision: str, batch_size: int) -> None:
        """
        Args:
            batch_size: see `Decoder`.

        Raises:
            UserError: the model is missing or damaged.
        """
        verify(model)
        self.tokenizer = read_tokenizer(model)
        self._folder, self._precision, self._batch_size = model, precision, batch_size
        self._adapter: Path | None = None
        self._decoder: Decoder | None = None

    def sample(self, groups: Sequence[Group]) -> Iterator[tuple[int, list[Completion]]]:
        """See `Engine.sample`; group after group.

        Raises:
            UserError: an adapter is missing or damaged, or a prompt does not fit the model's context.
        """
        for number, group in enumerate(groups):
            for completions in self._decoder_with(group.adapter).sample(group.prompts, group.decoding):
                yield number, completions

    def _decoder_with(self, adapter: Path | None) -> Decoder:
        if self._decoder is None or adapter != self._adapter:
            self._decoder = None  # two models need not fit into memory
            model, tokenizer = load_model(self._folder, adapter, self._precision, merge=True)
            self._decoder, self._adapter = Decoder(model, tokenizer, self._batch_size), adapter
        return self._decoder
