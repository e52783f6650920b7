"""Sampling with transformers' models and a decode loop made for n completions per prompt on a CPU.

What makes it fast, and what it does not change:

- A prompt is computed once for its n samples.
- Samples of a prompt are one *branch* for as long as their draws agree, which at low temperature is long: one row in
  the batch, one slot in the cache. A branch splits where its samples draw different tokens.
- Finished branches leave the batch and waiting prompts enter it, without padding and without copying the cache. The
  batch is filled by its branches, not by the samples behind them: products of few rows waste most of a core.
- Every sample draws with its own numbers from its own distribution, so the samples of a problem depend neither on the
  order nor on the number of the others. A batch has at least `LEAST_ROWS` rows, since matrix products of fewer rows
  are not only slow but round differently.
"""

from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ibft.models.agreement import reference_logits, rounding_of, short_text
from ibft.models.architecture import model_type, text_config
from ibft.models.wording import first_line
from ibft.runtime.errors import UserError
from ibft.sampling.engine import Completion, Decoding, FinishReason, Prompt
from ibft.sampling.kv_cache import SlotCache, causal_mask, use_slot_attention
from ibft.sampling.seeds import uniform_numbers
from ibft.sampling.text import StopStrings, continuation_text
from ibft.sampling.top_p import Nucleus, nuclei

LEAST_ROWS = 16
_CHECKED_TOKENS = 4
_KEYS_OF_LENGTH = ("max_position_embeddings", "sliding_window", "attention_window_size", "window_size")
_SAMPLES_PER_ROW = 4  # in flight on a CPU, where memory is taken only by slots that are written


@dataclass
class _Branch:
    """Samples of one prompt whose draws have agreed so far; branch i of the batch lives in slot i of the cache."""

    prompt: Prompt
    samples: list[int]
    tokens: list[int] = field(default_factory=list)
    log_likelihood: float = 0.0

    @property
    def length(self) -> int:
        """Positions of the cache that hold it: all but its newest token."""
        return len(self.prompt.token_ids) + max(len(self.tokens) - 1, 0)


class Decoder:
    """Completes prompts with one causal language model of transformers that attends."""

    def __init__(self, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, batch_size: int) -> None:
        """
        Args:
            batch_size: rows that are decoded together; no prompt enters a batch of so many. Those that are in it may
                still branch: all samples of a prompt run at the same time, and all have a slot in the cache.

        Raises:
            UserError: the model keeps more than keys and values of whole texts, or attends by more than a mask tells.
        """
        layer_types = getattr(text_config(model), "layer_types", None)
        unknown = set(layer_types or ()) - {"full_attention", "sliding_attention"}
        if unknown:
            raise UserError(
                f"the transformers engine cannot decode a model with {', '.join(sorted(unknown))}: "
                "set sampling.engine to vllm"
            )
        use_slot_attention(model)
        self.model, self.tokenizer, self.batch_size = model, tokenizer, batch_size
        with torch.inference_mode():
            self._check_agreement()

    def sample(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[list[Completion]]:
        """Yield each prompt's completions, ordered by sample, prompts in the order in which they finish.

        Raises:
            UserError: a prompt and its completion do not fit the model's context.
        """
        if prompts:
            _check_context(self.model, prompts, decoding)
            with torch.inference_mode():
                yield from _Run(self, prompts, decoding).completions()

    def _check_agreement(self) -> None:
        """Step by step through the cache, a short completion must be as likely as by the whole forward pass."""
        prompt = Prompt("check", tuple(short_text(self.tokenizer)), seeds=(0,))
        decoding = Decoding(temperature=0, top_p=1, max_new_tokens=_CHECKED_TOKENS, stop_strings=(), stop_token_ids=())
        family = f"the transformers engine cannot decode a model of type {model_type(self.model)}"
        try:
            [[found]] = _Run(self, [prompt], decoding).completions()
        except Exception as error:  # whatever the code of a family raises that knows no such cache or mask
            raise UserError(f"{family} ({first_line(error)}): set sampling.engine to vllm") from None
        ids_1T = torch.tensor([[*prompt.token_ids, *found.token_ids]], device=self.model.device)
        logits_TV = reference_logits(self.model, ids_1T)
        log_TV = logits_TV[-_CHECKED_TOKENS - 1 : -1].log_softmax(-1)
        expected = float(log_TV.gather(1, ids_1T[0, -_CHECKED_TOKENS:, None]).sum())
        rounding = _CHECKED_TOKENS * rounding_of(self.model, logits_TV)
        if not abs(found.log_likelihood - expected) <= rounding:
            raise UserError(
                f"{family}: a completion has log-likelihood {found.log_likelihood:.4g} by its cache and {expected:.4g} "
                "by the model's whole forward pass; set sampling.engine to vllm"
            )


class _Run:
    """One call of `Decoder.sample`: the batch, its cache, and what has finished."""

    def __init__(self, decoder: Decoder, prompts: Sequence[Prompt], decoding: Decoding) -> None:
        self.model, self.tokenizer, self.decoding = decoder.model, decoder.tokenizer, decoding
        self.waiting = deque(prompts)
        self.batch_size = decoder.batch_size
        samples_per_row = _SAMPLES_PER_ROW if self.model.device.type == "cpu" else 1
        self.most_samples = max(samples_per_row * decoder.batch_size, *(len(prompt.seeds) for prompt in prompts))
        longest = max(len(prompt.token_ids) for prompt in prompts) + decoding.max_new_tokens
        self.cache = SlotCache(max(self.most_samples, LEAST_ROWS), longest)
        self.stops = StopStrings(decoder.tokenizer, decoding.stop_strings)
        self.branches: list[_Branch] = []
        self.numbers: dict[str, list[NDArray[np.float64]]] = {}
        self.finished: defaultdict[str, dict[int, Completion]] = defaultdict(dict)

    def completions(self) -> Iterator[list[Completion]]:
        while self.waiting or self.branches:
            while self.waiting and self._has_room_for(self.waiting[0]):
                self._admit(self.waiting.popleft())
                yield from self._whole_prompts()
            if self.branches:
                self._advance(range(len(self.branches)), self._step())
                yield from self._whole_prompts()

    def _has_room_for(self, prompt: Prompt) -> bool:
        samples = sum(len(branch.samples) for branch in self.branches)
        return len(self.branches) < self.batch_size and samples + len(prompt.seeds) <= self.most_samples

    def _admit(self, prompt: Prompt) -> None:
        """Compute `prompt` into the next free slot and draw its samples' first tokens."""
        self.numbers[prompt.task_id] = [uniform_numbers(s, self.decoding.max_new_tokens) for s in prompt.seeds]
        slot = len(self.branches)
        self.branches.append(_Branch(prompt, list(range(len(prompt.seeds)))))
        ids = torch.tensor([prompt.token_ids], device=self.model.device)
        self.cache.fill(slot)
        positions = torch.arange(ids.shape[1], device=ids.device)[None]
        self._advance([slot], self._logits(ids, positions, causal_mask(ids.shape[1], ids.device)))

    def _step(self) -> Tensor:
        """Compute the newest token of every branch; logits (R, V) of what follows."""
        rows = max(len(self.branches), LEAST_ROWS)
        newest, positions = torch.zeros(2, rows, dtype=torch.long)
        newest[: len(self.branches)] = torch.tensor([branch.tokens[-1] for branch in self.branches])
        positions[: len(self.branches)] = torch.tensor([branch.length for branch in self.branches])
        newest, positions = newest.to(self.model.device), positions.to(self.model.device)
        mask = self.cache.step(positions)
        return self._logits(newest[:, None], positions[:, None], mask)[: len(self.branches)]

    def _logits(self, ids: Tensor, positions: Tensor, mask: Tensor) -> Tensor:
        logits_BTV: Tensor = self.model(
            input_ids=ids,
            position_ids=positions,
            attention_mask=mask.to(self.model.dtype),
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        ).logits
        return logits_BTV[:, -1].float()

    def _advance(self, slots: Sequence[int], logits_RV: Tensor) -> None:
        """Draw the next token of every sample in `slots`, then bring branches and slots in line again."""
        ended: list[int] = []
        for slot, nucleus in zip(slots, nuclei(logits_RV, self.decoding.temperature, self.decoding.top_p), strict=True):
            parent = self.branches[slot]
            length = parent.length + bool(parent.tokens)
            children = [branch for branch in self._drawn(parent, nucleus) if not self._ends(branch)]
            if children:
                new_slots = range(len(self.branches), len(self.branches) + len(children) - 1)
                self.cache.copy(slot, new_slots, length)
                self.branches[slot] = children[0]
                self.branches += children[1:]
            else:
                ended.append(slot)
        for slot in reversed(ended):
            self._leave(slot)

    def _drawn(self, branch: _Branch, nucleus: Nucleus) -> list[_Branch]:
        """`branch` continued by each token that some sample of it draws."""
        by_choice: defaultdict[int, list[int]] = defaultdict(list)
        for sample in branch.samples:
            number = self.numbers[branch.prompt.task_id][sample][len(branch.tokens)]
            by_choice[nucleus.draw(number)].append(sample)
        return [
            _Branch(
                branch.prompt,
                samples,
                [*branch.tokens, int(nucleus.tokens[choice])],
                branch.log_likelihood + float(nucleus.log_probabilities[choice]),
            )
            for choice, samples in by_choice.items()
        ]

    def _ends(self, branch: _Branch) -> bool:
        """Return true if `branch` is complete, and record its samples as finished."""
        stopped = branch.tokens[-1] in self.decoding.stop_token_ids or self.stops.hit(branch.tokens)
        if not stopped and len(branch.tokens) < self.decoding.max_new_tokens:
            return False
        reason: FinishReason = "stop" if stopped else "length"
        text = continuation_text(self.tokenizer, branch.prompt.token_ids, branch.tokens, self.decoding.stop_strings)
        for sample in branch.samples:
            self.finished[branch.prompt.task_id][sample] = Completion(
                branch.prompt.task_id, sample, text, tuple(branch.tokens), reason, branch.log_likelihood
            )
        return True

    def _leave(self, slot: int) -> None:
        """Free `slot` and move the last branch there."""
        last = self.branches.pop()
        if slot < len(self.branches):
            self.branches[slot] = last
            self.cache.copy(len(self.branches), [slot], last.length)

    def _whole_prompts(self) -> Iterator[list[Completion]]:
        """Hand over the prompts whose samples have all finished."""
        for task_id in [t for t, found in self.finished.items() if len(found) == len(self.numbers[t])]:
            found = self.finished.pop(task_id)
            del self.numbers[task_id]
            yield [found[sample] for sample in sorted(found)]


def _check_context(model: PreTrainedModel, prompts: Sequence[Prompt], decoding: Decoding) -> None:
    """The cache keeps whole sequences, so they must fit the positions that the model knows, and its window if any."""
    known = (getattr(text_config(model), key, None) for key in _KEYS_OF_LENGTH)
    limit = min((limit for limit in known if limit), default=None)
    longest = max(prompts, key=lambda prompt: len(prompt.token_ids))
    needed = len(longest.token_ids) + decoding.max_new_tokens
    if limit is not None and needed > limit:
        raise UserError(
            f"problem {longest.task_id} needs {needed} tokens with its completion, and the model attends to {limit}: "
            "lower sampling.max_new_tokens"
        )
