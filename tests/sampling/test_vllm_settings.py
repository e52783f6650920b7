"""vLLM is told of prompts and GPUs; here a stand-in for it hears that, and samples nothing."""

import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from ibft.config.jobs import Sample
from ibft.config.sections import Sampling
from ibft.models.loaders import read_tokenizer
from ibft.runtime.gpus import ASKED_VARIABLE
from ibft.sampling.job import SamplingJob
from ibft.sampling.sample import Pending, sample_pending
from ibft.sampling.start import open_engine
from ibft.store.journal import Journal


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The settings that the stand-in is started with."""
    settings: dict[str, Any] = {}

    def start(**given: Any) -> SimpleNamespace:
        settings.update(given)
        return SimpleNamespace(llm_engine=None)

    stand_in = SimpleNamespace(__version__="0", LLM=start, SamplingParams=None, TokensPrompt=None)
    real = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name: stand_in if name == "vllm" else real(name))
    monkeypatch.setattr("ibft.sampling.start.engine_name", lambda _: "vllm")
    return settings


def open_vllm(model: Path, longest: int) -> Any:
    return open_engine(Sampling(engine="vllm"), model, None, precision="float32", threads=1, longest=longest)


def test_vllm_keeps_room_for_the_longest_prompt_and_its_completion_alone(
    tiny_model: Path, problems: Path, tmp_path: Path, told: dict[str, Any]
) -> None:
    asked = Sample(variant="tiny/rtl/base/seed0", temperature=1.0, sampling=Sampling(n=2, max_new_tokens=12))
    job = SamplingJob(asked, "bench", problems)
    needed: list[int] = []

    def start(longest: int) -> Any:
        needed.append(longest)
        open_vllm(tiny_model, longest)
        return SimpleNamespace(sample=lambda groups: iter(()))

    tokenizer = read_tokenizer(tiny_model)
    with Journal(tmp_path / "journal", "key") as journal:
        sample_pending([Pending(job, job.read_problems(), {0: tmp_path}, journal)], tokenizer, start)
    from ibft.prompts import get_profile

    longest = max(len(get_profile("chat").encode_problem(tokenizer, problem)) for problem in job.read_problems())
    assert needed == [longest + 12]
    assert told["max_model_len"] == longest + 12
    assert "tensor_parallel_size" not in told
    told.clear()
    open_vllm(tiny_model, 10**6)  # beyond the model: vLLM's own limit stays
    assert "max_model_len" not in told


def test_vllm_splits_a_model_over_the_gpus_that_the_job_asks_for(
    tiny_model: Path, told: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ASKED_VARIABLE, "2")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    open_vllm(tiny_model, 64)
    assert told["tensor_parallel_size"] == 2
