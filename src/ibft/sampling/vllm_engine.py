"""Sampling with vLLM: the same prompts, stops, seeds and rows as the transformers engine, at a GPU's speed.

vLLM is an optional extra that takes seconds to import and reads its settings from the environment while it does so.
Hence it is imported when an engine is started and nowhere else.
"""

import importlib
import json
import logging
import os
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ibft.models.loaders import read_tokenizer, start_vllm
from ibft.models.loading import save_merged
from ibft.sampling.engine import Completion, Decoding, FinishReason, Group, Prompt
from ibft.sampling.text import continuation_text
from ibft.store.manifests import verify

logger = logging.getLogger(__name__)

_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # for which vLLM has kernels
_LORAS_TOGETHER = 4  # adapters in one batch; each takes GPU memory
_SUBMITTED = 4096  # requests that vLLM knows of; many more than it runs together, few enough to look through
# Compiling takes a minute. A prompt in chunks would rewind a seeded generator, which only GPU generators can do.
# Samples of one prompt share its full blocks alone, and few prompts fill one of the usual 128 tokens.
_ON_CPU: dict[str, Any] = {
    "gpu_memory_utilization": 0.3,
    "block_size": 32,
    "enforce_eager": True,
    "enable_chunked_prefill": False,
}


class _Request(NamedTuple):
    """One sample that is wanted: of which group, of which prompt, and which of its seeds."""

    group: int
    prompt: Prompt
    sample: int


class VllmEngine:
    """vLLM in this process; see `ibft.sampling.engine.Engine`.

    Every sample is a request of its own with its own seed. Within one machine and version the draws repeat, because the
    scheduler runs in this process (no multiprocessing) and so sees the requests in the same order.
    """

    name = "vllm"

    def __init__(self, model: Path, adapters: Sequence[Path], *, merge: bool, precision: str, threads: int) -> None:
        """
        Args:
            adapters: that groups will name. They stay beside the weights and all groups share one batch; or, with
                `merge`, they are folded into the weights, and groups of another adapter wait until those are exchanged.
        """
        for folder in (model, *adapters):
            verify(folder)
        _set_environment(threads)
        vllm = importlib.import_module("vllm")
        self.version: str = vllm.__version__
        self.tokenizer = read_tokenizer(model)
        self._model, self._precision, self._merge = model, precision, merge
        self._loaded: Path | None = None
        self._loras = {} if merge else _lora_requests(adapters)
        self._sampling_params = vllm.SamplingParams
        self._tokens_prompt = vllm.TokensPrompt
        self._engine = start_vllm(
            model,
            precision,
            **({} if torch.cuda.is_available() else _ON_CPU),
            **(_room_for(adapters) if self._loras else {}),
        ).llm_engine

    def sample(self, groups: Sequence[Group]) -> Iterator[tuple[int, list[Completion]]]:
        """See `Engine.sample`. All groups go into one batch, or all groups of one adapter where adapters are merged."""
        for _, together in groupby(range(len(groups)), lambda number: self._shared_by_a_batch(groups[number])):
            numbers = list(together)
            if self._merge:
                self._exchange_weights(groups[numbers[0]].adapter)
            yield from self._completions(groups, numbers)

    def _shared_by_a_batch(self, group: Group) -> object:
        """What neighbouring groups must have in common to be in one batch."""
        if self._merge:
            return group.adapter
        # On a CPU vLLM would compute what has no adapter with the last adapter of its batch.
        return torch.cuda.is_available() or group.adapter is None

    def _completions(self, groups: Sequence[Group], numbers: Sequence[int]) -> Iterator[tuple[int, list[Completion]]]:
        wanted = (
            _Request(number, prompt, sample)
            for number in numbers
            for prompt in groups[number].prompts
            for sample in range(len(prompt.seeds))
        )
        running: dict[str, _Request] = {}
        finished: defaultdict[tuple[int, str], dict[int, Completion]] = defaultdict(dict)
        while self._submit(islice(wanted, _SUBMITTED - len(running)), groups, running):
            for output in self._engine.step():
                if not output.finished:
                    continue
                number, prompt, sample = running.pop(output.request_id)
                found = finished[number, prompt.task_id]
                found[sample] = self._completion(prompt, sample, output.outputs[0], groups[number].decoding)
                if len(found) == len(prompt.seeds):
                    del finished[number, prompt.task_id]
                    yield number, [found[index] for index in sorted(found)]

    def _submit(self, wanted: Iterator[_Request], groups: Sequence[Group], running: dict[str, _Request]) -> bool:
        """Hand `wanted` to vLLM and add them to `running`; whether any request is running then."""
        for request in wanted:
            name = f"{request.group}-{request.prompt.task_id}-{request.sample}"
            group = groups[request.group]
            self._engine.add_request(
                name,
                self._tokens_prompt(prompt_token_ids=list(request.prompt.token_ids)),
                self._parameters(group.decoding, request.prompt.seeds[request.sample]),
                lora_request=self._loras[group.adapter] if group.adapter and not self._merge else None,
            )
            running[name] = request
        return bool(running)

    def _exchange_weights(self, adapter: Path | None) -> None:
        """Have vLLM read the weights with `adapter` folded in, in place of those that it has."""
        if adapter == self._loaded:
            return
        with tempfile.TemporaryDirectory(prefix="ibft-merged-") as scratch:
            folder = Path(scratch) if adapter else self._model
            if adapter:
                save_merged(self._model, adapter, self._precision, folder)
            self._engine.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
        self._engine.reset_prefix_cache()
        self._loaded = adapter

    def _parameters(self, decoding: Decoding, seed: int) -> Any:
        return self._sampling_params(
            n=1,
            seed=seed,
            temperature=decoding.temperature,
            top_p=decoding.top_p,
            max_tokens=decoding.max_new_tokens,
            stop=list(decoding.stop_strings),
            stop_token_ids=list(decoding.stop_token_ids),
            logprobs=0,  # of the drawn token alone, before temperature and top-p
        )

    def _completion(self, prompt: Prompt, sample: int, output: Any, decoding: Decoding) -> Completion:
        token_ids = tuple(output.token_ids)
        text = continuation_text(self.tokenizer, prompt.token_ids, token_ids, decoding.stop_strings)
        reason: FinishReason = "length" if output.finish_reason == "length" else "stop"
        log_likelihood = sum(choices[token].logprob for token, choices in zip(token_ids, output.logprobs, strict=True))
        return Completion(prompt.task_id, sample, text, token_ids, reason, float(log_likelihood))


def _set_environment(threads: int) -> None:
    """Settings that vLLM reads at its import; what the user has set already stays."""
    for name, value in {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "2",  # GiB
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # the workflow may run two jobs, and both would take the first core
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
    }.items():
        os.environ.setdefault(name, value)


def _lora_requests(adapters: Sequence[Path]) -> dict[Path, Any]:
    """vLLM tells adapters apart by name and number."""
    if not adapters:
        return {}
    request = importlib.import_module("vllm.lora.request").LoRARequest
    return {adapter: request(str(adapter), number, str(adapter)) for number, adapter in enumerate(adapters, start=1)}


def _room_for(adapters: Sequence[Path]) -> dict[str, Any]:
    """vLLM's settings for adapters of the highest of these ranks."""
    return {
        "enable_lora": True,
        "max_lora_rank": max(_rank(adapter) for adapter in adapters),
        "max_loras": min(len(adapters), _LORAS_TOGETHER),
    }


def _rank(adapter: Path) -> int:
    """The smallest rank that vLLM knows and that holds the adapter's."""
    rank: int = json.loads((adapter / "adapter_config.json").read_text())["r"]
    return min((known for known in _LORA_RANKS if known >= rank), default=rank)
