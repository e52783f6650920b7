"""Count the problems of HumanEval that a model solves greedily, by the workflow's own commands: sample, execute.

    python perf/greedy_humaneval.py --model results/models/smollm2-135m --at-least 8

Exits 1 if fewer are solved than --at-least says.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.parquet import read_table
from ibft.store.schemas import SAMPLES, VERDICTS

SCRIPTS = Path(__file__).resolve().parents[1] / "workflow" / "scripts"
BENCHMARK = {"source": "builtin:humaneval", "language": "python"}


def main(arguments: argparse.Namespace) -> None:
    sampling = {"engine": arguments.engine, "n": 1, "max_new_tokens": arguments.tokens, "batch_size": 24}
    job = {"variant": "greedy", "temperature": 0, "sampling": sampling, "profile": arguments.profile}
    with tempfile.TemporaryDirectory() as scratch:
        problems, samples, verdicts = (
            Path(scratch) / f"{name}.parquet" for name in ("problems", "samples", "verdicts")
        )
        run("prepare_benchmark.py", "--job", json.dumps(BENCHMARK), "--output", problems)
        words = ["--model", arguments.model, "--benchmarks", "humaneval", "--problems", problems]
        words += ["--job", json.dumps(job), "--threads", arguments.threads]
        run("sample.py", *words, "--outputs", samples)
        run("execute.py", "--problems", problems, "--samples", samples, "--job", "{}", "--output", verdicts)
        cut = (read_table(samples, SAMPLES)["finish_reason"] == "length").sum()
        judged = read_table(verdicts, VERDICTS)
    solved = judged.loc[judged["passed"], "task_id"].tolist()
    print(f"{len(solved)} of {len(judged)} problems are solved: {', '.join(solved)}")
    print(f"{cut} completions were cut off after {arguments.tokens} tokens")
    if len(solved) < arguments.at_least:
        raise UserError(f"{len(solved)} problems are solved, fewer than {arguments.at_least}")


def run(script: str, *words: object) -> None:
    subprocess.run([sys.executable, str(SCRIPTS / script), *map(str, words)], check=True)


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--model", type=Path, default=Path("results/models/smollm2-135m"))
    arguments.add_argument("--profile", default="chat")
    arguments.add_argument("--engine", default="transformers", choices=["transformers", "vllm"])
    arguments.add_argument("--tokens", type=int, default=128, help="at most, of each completion")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--at-least", type=int, default=0, help="problems that must be solved")
    return arguments


if __name__ == "__main__":
    run_stage(main, parser())
