"""Sampling with vLLM: the same prompts, stops, seeds and rows as the transformers engine, at a GPU's speed.

vLLM is an optional extra that takes seconds to import and reads its settings from the environment while it does so.
Hence it is imported when an engine is started and nowhere else.
"""

import importlib
import json
import logging
import os
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from ibft.manifests import verify
from ibft.sampling.engine import Completion, Decoding, FinishReason, Prompt
from ibft.sampling.text import continuation_text

logger = logging.getLogger(__name__)

_LORA_RANKS = (8, 16, 32, 64, 128, 256, 320, 512)  # for which vLLM has kernels
# Compiling takes a minute. A prompt in chunks would rewind a seeded generator, which only GPU generators can do.
_ON_CPU: dict[str, Any] = {
    "gpu_memory_utilization": 0.3,
    "enforce_eager": True,
    "enable_chunked_prefill": False,
}


class VllmEngine:
    """vLLM in this process; see `ibft.sampling.engine.Engine`.

    Every sample is a request of its own with its own seed. Within one machine and version the draws repeat, because the
    scheduler runs in this process (no multiprocessing) and so sees the requests in the same order.
    """

    name = "vllm"

    def __init__(self, model: Path, adapter: Path | None, *, precision: str, threads: int) -> None:
        verify(model)
        _set_environment(threads)
        vllm = importlib.import_module("vllm")
        self.version: str = vllm.__version__
        self.tokenizer = AutoTokenizer.from_pretrained(model, local_files_only=True)
        self._sampling_params = vllm.SamplingParams
        self._tokens_prompt = vllm.TokensPrompt
        self._lora = _lora_request(adapter) if adapter else None
        self._engine = vllm.LLM(
            model=str(model),
            dtype=precision,
            generation_config="vllm",  # not the model's own defaults for temperature and top-k
            **({} if torch.cuda.is_available() else _ON_CPU),
            **({"enable_lora": True, "max_lora_rank": _rank(adapter)} if adapter else {}),
        ).llm_engine

    def sample(self, prompts: Sequence[Prompt], decoding: Decoding) -> Iterator[list[Completion]]:
        """See `Engine.sample`. All requests are submitted before the first result is awaited."""
        waiting: dict[str, tuple[Prompt, int]] = {}
        for number, prompt in enumerate(prompts):
            for sample, seed in enumerate(prompt.seeds):
                request = f"{number}-{sample}"
                waiting[request] = (prompt, sample)
                self._engine.add_request(
                    request,
                    self._tokens_prompt(prompt_token_ids=list(prompt.token_ids)),
                    self._parameters(decoding, seed),
                    lora_request=self._lora,
                )
        finished: defaultdict[str, dict[int, Completion]] = defaultdict(dict)
        while self._engine.has_unfinished_requests():
            for output in self._engine.step():
                if not output.finished:
                    continue
                prompt, sample = waiting.pop(output.request_id)
                found = finished[prompt.task_id]
                found[sample] = self._completion(prompt, sample, output.outputs[0], decoding)
                if len(found) == len(prompt.seeds):
                    yield [found[index] for index in sorted(finished.pop(prompt.task_id))]

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


def _lora_request(adapter: Path) -> Any:
    verify(adapter)
    return importlib.import_module("vllm.lora.request").LoRARequest(adapter.name, 1, str(adapter))


def _rank(adapter: Path) -> int:
    """The smallest rank that vLLM knows and that holds the adapter's."""
    rank: int = json.loads((adapter / "adapter_config.json").read_text())["r"]
    return min((known for known in _LORA_RANKS if known >= rank), default=rank)
