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
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import torch

from ibft.models.loaders import read_config, read_tokenizer, start_vllm
from ibft.models.loading import save_merged
from ibft.runtime.gpus import asked_gpus
from ibft.sampling.engine import Completion, Decoding, FinishReason, Group, Prompt
from ibft.sampling.text import continuation_text
from ibft.store.manifests import verify

logger = logging.getLogger(__name__)

_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # for which vLLM has kernels
_SUBMITTED = 4096  # requests that vLLM knows of; many more than it runs together, few enough to look through
# Compiling takes a minute. A prompt in chunks would rewind a seeded generator, which only GPU generators can do.
# Samples of one prompt share its full blocks alone, and few prompts fill one of the usual 128 tokens.
ON_CPU: dict[str, Any] = {
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

    Every sample is a request of its own with its own seed. Within one machine and version samples repeat, because the
    scheduler runs in this process (no multiprocessing) and so sees the requests in the same order.
    """

    name = "vllm"

    def __init__(
        self, model: Path, adapter: Path | None, *, merge: bool, precision: str, threads: int, longest: int
    ) -> None:
        """
        Args:
            adapter: stays beside the weights; or, with `merge`, is folded into them before vLLM reads them.
            longest: tokens of the longest prompt and its completion together. vLLM would else keep room for the
                model's own limit, which a GPU's memory may not hold.
        """
        for folder in filter(None, (model, adapter)):
            verify(folder)
        set_environment(threads)
        vllm = importlib.import_module("vllm")
        self.version: str = vllm.__version__
        self.tokenizer = read_tokenizer(model)
        beside = None if merge else adapter
        self._lora = _lora_request(beside) if beside else None
        self._sampling_params = vllm.SamplingParams
        self._tokens_prompt = vllm.TokensPrompt
        settings = (_on_gpus() if torch.cuda.is_available() else ON_CPU) | (_room_for(beside) if beside else {})
        settings |= _room_for_texts(model, longest)
        with _weights(model, adapter if merge else None, precision) as weights:
            self._engine = start_vllm(weights, precision, **settings).llm_engine

    def sample(self, groups: Sequence[Group]) -> Iterator[tuple[int, list[Completion]]]:
        """See `Engine.sample`; all groups go into one batch."""
        wanted = (
            _Request(number, prompt, sample)
            for number, group in enumerate(groups)
            for prompt in group.prompts
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
            self._engine.add_request(
                name,
                self._tokens_prompt(prompt_token_ids=list(request.prompt.token_ids)),
                self._parameters(groups[request.group].decoding, request.prompt.seeds[request.sample]),
                lora_request=self._lora,
            )
            running[name] = request
        return bool(running)

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


def _on_gpus() -> dict[str, Any]:
    """Split the weights over the GPUs that the job asks for."""
    return {"tensor_parallel_size": max(1, asked_gpus())}


def _room_for_texts(model: Path, longest: int) -> dict[str, Any]:
    """Return vLLM's setting for texts of `longest` tokens; none where that is beyond the model's own limit."""
    limit = getattr(read_config(model).get_text_config(), "max_position_embeddings", None)
    return {"max_model_len": longest} if limit is not None and longest <= limit else {}


def set_environment(threads: int) -> None:
    """Settings that vLLM reads at its import; what the user has set already stays."""
    for name, value in {
        "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
        "VLLM_CPU_KVCACHE_SPACE": "2",  # GiB
        "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # the workflow may run two jobs, and both would take the first core
        "OMP_NUM_THREADS": str(threads),
        "HF_HUB_OFFLINE": "1",
    }.items():
        os.environ.setdefault(name, value)


@contextmanager
def _weights(model: Path, adapter: Path | None, precision: str) -> Iterator[Path]:
    """Yield the folder of the weights: those of `model`, or, while they are read, those with `adapter` folded in."""
    if adapter is None:
        yield model
        return
    with tempfile.TemporaryDirectory(prefix="ibft-merged-") as scratch:
        save_merged(model, adapter, precision, Path(scratch))
        read_tokenizer(model).save_pretrained(scratch)
        yield Path(scratch)


def _lora_request(adapter: Path) -> Any:
    return importlib.import_module("vllm.lora.request").LoRARequest(str(adapter), 1, str(adapter))


def _room_for(adapter: Path) -> dict[str, Any]:
    """Return vLLM's settings for an adapter of this rank."""
    return {"enable_lora": True, "max_lora_rank": _rank(adapter), "max_loras": 1}


def _rank(adapter: Path) -> int:
    """The smallest rank that vLLM knows and that holds the adapter's."""
    rank: int = json.loads((adapter / "adapter_config.json").read_text())["r"]
    return min((known for known in _LORA_RANKS if known >= rank), default=rank)
