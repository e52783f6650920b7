"""Both sampling engines against transformers' own generate.

python perf/sampling.py --model results/models/smollm2-135m --vllm-python .venv-vllm/bin/python

Every way completes the same HumanEval prompts, so many samples of each, in a process of its own, one after the other:

    transformers    the transformers engine of this repository
    by-torch        the same, with the settings that PyTorch and the C library have by themselves
    generate        model.generate(num_return_sequences=...), --generate-prompts prompts a call
    vllm            the vLLM engine, where --vllm-python names a Python that has vLLM (`make test-vllm` makes one)

A completion ends at the end token or at --tokens tokens; what counts are the tokens up to there. Each prints generated
tokens per second with and without the start, which is all from the first import to the first prompt.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from measuring.settings import settings_of_torch

from ibft.config.jobs import Sample
from ibft.config.sections import Benchmark, Sampling
from ibft.data.benchmarks import prepare_benchmark
from ibft.models.loading import load_model, use_threads
from ibft.prompts import Problem, get_profile
from ibft.runtime.stage import run_stage, stage_parser
from ibft.sampling.engine import Decoding, Engine, Group
from ibft.sampling.job import SamplingJob
from ibft.sampling.requests import prompt_for
from ibft.sampling.start import open_engine

PROFILE = get_profile("chat")
TEMPERATURE, TOP_P = 0.2, 0.95


def main(arguments: argparse.Namespace) -> None:
    if arguments.way:
        print(json.dumps(WAYS[arguments.way](arguments)))
        return
    found = {}
    for way in ("transformers", "by-torch", "generate", *(["vllm"] if arguments.vllm_python else [])):
        found[way] = cost_of(way, arguments)
        print_rate(way, found[way])
    for other in ("generate", "by-torch"):
        for rate in ("rate", "cpu_rate"):
            print(f"transformers over {other}, {rate}: {found['transformers'][rate] / found[other][rate]:.2f} x")
    if not arguments.vllm_python:
        print("vLLM is left out: name a Python that has it with --vllm-python")


def cost_of(way: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Run this script once more, for one way alone."""
    python = arguments.vllm_python if way == "vllm" else sys.executable
    command = [str(python), *sys.argv, "--way", way]
    started = time.perf_counter()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    whole = time.perf_counter() - started
    cost: dict[str, float] = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    return {
        **cost,
        "start": whole - cost["seconds"],
        "rate": cost["tokens"] / cost["seconds"],
        "cpu_rate": cost["tokens"] / cost["cpu_seconds"],
        "rate_with_start": cost["tokens"] / whole,
    }


def print_rate(way: str, cost: dict[str, float]) -> None:
    print(
        f"{way:14}{cost['tokens']:8.0f} tokens {cost['rate']:8.1f} tokens/s {cost['rate_with_start']:8.1f} with the"
        f" start of {cost['start']:.1f} s {cost['cpu_rate']:8.1f} tokens per CPU second",
        flush=True,
    )


def engine_way(arguments: argparse.Namespace) -> dict[str, float]:
    use_threads(arguments.threads)
    settings = Sampling(engine=arguments.way, batch_size=arguments.batch_size)
    engine = open_engine(settings, arguments.model, None, precision="float32", threads=arguments.threads, longest=4096)
    group = Group(list(prompts(engine, arguments)), decoding(engine, arguments))
    if arguments.way == "transformers":  # weights are loaded with the first prompt
        list(engine.sample([Group(group.prompts[:1], Decoding(0.0, 1.0, 1, (), ()))]))
    return timed(lambda: sum(len(c.token_ids) for _, found in engine.sample([group]) for c in found))


def by_torch_way(arguments: argparse.Namespace) -> dict[str, float]:
    with settings_of_torch():
        return engine_way(argparse.Namespace(**{**vars(arguments), "way": "transformers"}))


def generate_way(arguments: argparse.Namespace) -> dict[str, float]:
    use_threads(arguments.threads)
    model, tokenizer = load_model(arguments.model, None, "float32")
    tokenizer.padding_side = "left"
    texts = [tokenizer.decode(PROFILE.encode_problem(tokenizer, problem)) for problem in problems(arguments)]
    ends = torch.tensor(PROFILE.stop_token_ids(tokenizer))

    def generate() -> int:
        tokens = 0
        for first in range(0, len(texts), arguments.generate_prompts):
            batch = tokenizer(texts[first : first + arguments.generate_prompts], return_tensors="pt", padding=True)
            out_BT = model.generate(
                **batch,
                do_sample=True,
                temperature=TEMPERATURE,
                top_p=TOP_P,
                top_k=0,
                max_new_tokens=arguments.tokens,
                num_return_sequences=arguments.samples,
                eos_token_id=ends.tolist(),
                pad_token_id=tokenizer.pad_token_id,
            )[:, batch["input_ids"].shape[1] :]
            ended_BT = torch.isin(out_BT, ends).cumsum(1)
            tokens += int((ended_BT == 0).sum()) + int((ended_BT[:, -1] > 0).sum())  # the end token counts
        return tokens

    return timed(generate)


WAYS: dict[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "transformers": engine_way,
    "by-torch": by_torch_way,
    "generate": generate_way,
    "vllm": engine_way,
}


def timed(work: Callable[[], int]) -> dict[str, float]:
    """Time `work`, whose result is the number of tokens."""
    wall, cpu = time.perf_counter(), time.process_time()
    tokens = work()
    return {
        "tokens": tokens,
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
    }


def problems(arguments: argparse.Namespace) -> list[Problem]:
    benchmark = Benchmark(source="builtin:humaneval", language="python", problems=arguments.prompts)
    return list(prepare_benchmark(benchmark).itertuples(index=False))


def prompts(engine: Engine, arguments: argparse.Namespace) -> Iterator[Any]:
    asked = Sample(variant="benchmark", temperature=TEMPERATURE, sampling=Sampling(n=arguments.samples))
    job = SamplingJob(asked, "humaneval", Path("problems.parquet"))
    for problem in problems(arguments):
        yield prompt_for(problem, PROFILE, engine.tokenizer, job, [0])


def decoding(engine: Engine, arguments: argparse.Namespace) -> Decoding:
    return Decoding(TEMPERATURE, TOP_P, arguments.tokens, (), PROFILE.stop_token_ids(engine.tokenizer))


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--model", type=Path, default=Path("results/models/smollm2-135m"))
    arguments.add_argument("--prompts", type=int, default=16, help="of HumanEval, the shortest first")
    arguments.add_argument("--samples", type=int, default=10, help="of each prompt")
    arguments.add_argument("--tokens", type=int, default=128, help="at most, of each sample")
    arguments.add_argument("--batch-size", type=int, default=24, help="of the transformers engine")
    arguments.add_argument("--generate-prompts", type=int, default=1, help="in one call of generate")
    arguments.add_argument("--threads", type=int, default=2, help="of each way")
    arguments.add_argument("--vllm-python", type=Path, default=default_vllm_python(), help="a Python that has vLLM")
    arguments.add_argument("--way", choices=WAYS, help="run one way alone and print what it cost as JSON")
    return arguments


def default_vllm_python() -> Path | None:
    own = Path(".venv-vllm/bin/python")
    return own if own.exists() else None


if __name__ == "__main__":
    run_stage(main, parser())
