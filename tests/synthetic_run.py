"""Made-up tables of a finished run, realistic in shape: two benchmarks, five methods, two trials.

Passing is drawn from a logistic model (skill of the method against difficulty of the problem), scores from gamma
distributions, so that tables, figures and the report have to cope with what real runs look like.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from ibft.config.loading import load
from ibft.config.sections import Metrics
from ibft.labels import labels_of
from ibft.metrics.aggregate import count_passes
from ibft.paths import Run
from ibft.store.parquet import write_table
from ibft.store.schemas import PASS_COUNTS, SAMPLES, VERDICTS

SETTINGS = Metrics(bootstrap=500)
CONFIG = {
    "models": {"smollm2": {"source": "hub:o/m", "layers": 30, "label": "SmolLM2-135M"}},
    "datasets": {
        "rtl": {"source": "generated:rtl", "language": "verilog", "label": "generated RTL"},
        "stdlib": {"source": "generated:python-stdlib", "language": "python", "label": "Python standard library"},
    },
    "benchmarks": {
        "rtl-mini": {"source": "builtin:rtl-mini", "language": "verilog"},
        "humaneval": {"source": "builtin:humaneval", "language": "python", "label": "HumanEval"},
    },
    "methods": {
        "base": {"kind": "base"},
        "ft": {"kind": "ft"},
        "ft-mink": {"kind": "ft", "selection": {"by": "mink"}},
        "ft-grand": {"kind": "ft", "selection": {"by": "grand"}},
        "ibft": {"kind": "ibft"},
    },
    "experiments": {
        "verilog": {
            "models": ["smollm2"],
            "dataset": "rtl",
            "benchmarks": ["rtl-mini"],
            "methods": ["base", "ft", "ft-mink", "ft-grand", "ibft"],
        },
        "python": {
            "models": ["smollm2"],
            "dataset": "stdlib",
            "benchmarks": ["humaneval"],
            "methods": ["base", "ft", "ibft"],
        },
    },
    "memorization": {"reference": "rtl"},
    "metrics": {"bootstrap": 500},
}
LABELS = labels_of(load(CONFIG))
SKILL = {"base": -2.6, "ft": -0.2, "ft-mink": -0.1, "ft-grand": -0.5, "ibft": 0.5}
FAILURES = ["syntax_error", "mismatch", "timeout", "runtime_error"]
EXCLUDED, EXCLUSION = "rtl-mini/007", "iverilog 11 cannot compile its <reference>"
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><!-- <script>alert(1)</script> \u2028 é 漢"


def runs(trials: int = 2, temperatures: tuple[float, ...] = (0.2,)) -> list[Run]:
    return [
        Run("smollm2", dataset, method, 0, benchmark, temperature, trial)
        for dataset, benchmark, methods in (
            ("rtl", "rtl-mini", list(SKILL)),
            ("stdlib", "humaneval", ["base", "ft", "ibft"]),
        )
        for temperature in temperatures
        for method in methods
        for trial in range(trials)
    ]


def task_ids(benchmark: str, problems: int = 44) -> list[str]:
    return [f"{benchmark}/{number:03d}" for number in range(problems)]


def verdicts(run: Run, problems: int = 44, n: int = 10) -> pd.DataFrame:
    difficulty = np.random.default_rng(len(run.benchmark)).normal(0, 2.5, problems)
    random = np.random.default_rng([len(run.method), run.trial, round(10 * run.temperature), len(run.dataset)])
    skill = SKILL[run.method] - (run.temperature - 0.2)
    own = difficulty - random.normal(0, 0.5, problems)
    passed = random.random((problems, n)) < 1 / (1 + np.exp(own - skill))[:, None]
    failure = random.choice(FAILURES, size=(problems, n), p=[0.35, 0.5, 0.05, 0.1])
    rows = [
        {
            "task_id": task_id,
            "sample": sample,
            "status": "passed" if passed[p, sample] else str(failure[p, sample]),
            "detail": "" if passed[p, sample] else f"line {sample}: {HOSTILE}",
            "passed": bool(passed[p, sample]),
            "official_passed": bool(passed[p, sample]) or (p == 3 and sample == 0),
            "stderr_clean": True,
            "program": "module top; endmodule",
            "isolation": "namespaces",
        }
        for p, task_id in enumerate(task_ids(run.benchmark, problems))
        for sample in range(n)
    ]
    return pd.DataFrame(rows, columns=VERDICTS.schema.names)


def samples(run: Run, problems: int = 44, n: int = 10) -> pd.DataFrame:
    code = "  assign y = a & b; // and\nendmodule\n" if run.benchmark == "rtl-mini" else "    return sorted(x)  # é\n"
    rows = [
        {
            "task_id": task_id,
            "sample": sample,
            "completion": f"Here is sample {sample} of {task_id}:\n```\n{code}```\n{HOSTILE}",
            "code": code,
            "finish_reason": "length" if sample == 9 else "stop",
            "prompt_tokens": 80,
            "completion_tokens": 20 + sample,
            "log_likelihood": -4.5 - sample,
            "seed": 17,
            "profile": "chat",
            "engine": "transformers",
            "engine_version": "5.16.1",
        }
        for task_id in task_ids(run.benchmark, problems)
        for sample in range(n)
    ]
    return pd.DataFrame(rows, columns=SAMPLES.schema.names)


def problems(benchmark: str, count: int = 44) -> pd.DataFrame:
    verilog = benchmark == "rtl-mini"
    return pd.DataFrame(
        {
            "task_id": task_ids(benchmark, count),
            "language": "verilog" if verilog else "python",
            "description": "Make an AND gate." if verilog else None,
            "prompt": "module top(input a, input b, output y);\n" if verilog else "def order(x):\n    '''Sort x.'''\n",
            "entry_point": "top" if verilog else "order",
            "tests": "module tb; endmodule"
            if verilog
            else "def check(candidate):\n    assert candidate([2, 1]) == [1, 2]\n",
            "reference_solution": "  assign y = a & b;\nendmodule\n" if verilog else "    return sorted(x)\n",
            "harness": None,
            "files": None,
        }
    )


def pass_counts(trials: int = 2, temperatures: tuple[float, ...] = (0.2,), problems: int = 44) -> pd.DataFrame:
    return pd.concat(
        [count_passes(verdicts(run, problems), run) for run in runs(trials, temperatures)], ignore_index=True
    )


def counted(passes: Sequence[int], run: Run, n: int = 10) -> pd.DataFrame:
    """PASS_COUNTS of one run with `passes` per problem."""
    same = {**run._asdict(), "n": n, "excluded": "", "judged": True}
    rows = [{**same, "task_id": f"p{i:03d}", "c": int(c), "official_c": int(c)} for i, c in enumerate(passes)]
    return pd.DataFrame(rows, columns=PASS_COUNTS.schema.names)


def memorization(mean: float, examples: int = 400, k: tuple[int, ...] = (5, 20), seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    score = random.gamma(12, mean / 12, examples)
    return pd.concat(
        [
            pd.DataFrame(
                {
                    "example_id": [f"example-{i}" for i in range(examples)],
                    "tokens": random.integers(40, 400, examples),
                    "truncated": False,
                    "k": percent,
                    "min_k_prob": score * (1 + 1 / percent),
                    "min_k_plus_plus": score / 3,
                }
            )
            for percent in k
        ],
        ignore_index=True,
    )


def gradients(scores: pd.DataFrame) -> pd.DataFrame:
    random = np.random.default_rng(1)
    own = scores[scores["k"] == 20]
    return pd.DataFrame(
        {
            "example_id": own["example_id"].sample(frac=1, random_state=0).to_numpy(),
            "tokens": own["tokens"].sample(frac=1, random_state=0).to_numpy(),
            "grand": own["min_k_prob"].sample(frac=1, random_state=0).to_numpy() * random.gamma(9, 0.05, len(own)),
            "el2n": random.gamma(20, 0.02, len(own)),
        }
    )


def geometry(distance: float, angle: float, pairs: int = 200) -> pd.DataFrame:
    random = np.random.default_rng(2)
    return pd.DataFrame(
        {
            "pair": np.arange(pairs),
            "most_memorized_id": [f"example-{i}" for i in range(pairs)],
            "least_memorized_id": [f"example-{i + pairs}" for i in range(pairs)],
            "distance": random.gamma(40, distance / 40, pairs),
            "angle": random.normal(angle, 4, pairs),
        }
    )


def training_log(bottleneck: bool, steps: int = 150, seed: int = 0) -> pd.DataFrame:
    random = np.random.default_rng(seed)
    step = np.arange(1, steps + 1)
    ce = 0.4 + 1.6 * np.exp(-step / 30) + random.gamma(2, 0.06, steps)
    kl = 30 * np.exp(-step / 15) + 0.5 if bottleneck else np.full(steps, np.nan)
    ce_ib = 1.2 + 9 * np.exp(-step / 25) + random.gamma(2, 0.06, steps) if bottleneck else np.full(steps, np.nan)
    return pd.DataFrame(
        {
            "step": step,
            "epoch": step / 50,
            "loss": ce + (0.1 * (kl + 0.02 * ce_ib) if bottleneck else 0),
            "ce": ce,
            "kl": kl,
            "ce_ib": ce_ib,
            "rms": np.nan,
            "learning_rate": 5e-5 * (1 - step / steps),
            "gradient_norm": random.gamma(5, 0.2, steps),
            "lora_gradient_norm": random.gamma(4, 0.2, steps),
            "head_gradient_norm": random.gamma(4, 0.2, steps) if bottleneck else np.nan,
            "response_tokens": step * 500,
            **_watched(step, kl, bottleneck),
        }
    )


def _watched(step: np.ndarray, kl: np.ndarray, bottleneck: bool) -> dict[str, np.ndarray | float]:
    """Every tenth step is watched: the bottleneck closes, and pulls LoRA less and less."""
    seen = (step % 10 == 0) & bottleneck
    share = 0.5 * np.exp(-step / 60)
    values: dict[str, np.ndarray | float] = {
        "kl_nats": kl,
        "active_dimensions": np.minimum(256, np.nan_to_num(40 * kl).round()),
        "uniform_nats": 10.8,
        "unigram_nats": 5.1,
        "share_ce": 1 - share,
        "share_kl": 0.95 * share,
        "share_ce_ib": 0.05 * share,
        "share_rms": np.nan,
        "cosine": 0.1 - 0.5 * (step / step[-1] if len(step) else step),
    }
    return {name: np.where(seen, value, np.nan) for name, value in values.items()}


def held_out(end: float, steps: int = 24, examples: int = 10, seed: int = 0) -> pd.DataFrame:
    """HELD_OUT of a method whose NLL falls from 1.2 to about `end`."""
    difficulty = np.random.default_rng(7).normal(0, 0.2, examples)
    random = np.random.default_rng(seed)
    points = [0, steps // 2, steps]
    return pd.DataFrame(
        {
            "step": np.repeat(points, examples),
            "example_id": [f"example-{i}" for i in range(examples)] * len(points),
            "tokens": 40,
            "nll": np.concatenate(
                [
                    end + (1.2 - end) * np.exp(-5 * s / steps) + difficulty + random.normal(0, 0.01, examples)
                    for s in points
                ]
            ),
        }
    )


def write_runs(folder: Path, wanted: list[Run], problems: int = 44, n: int = 10) -> None:
    for run in wanted:
        write_table(folder / "samples" / run.path, SAMPLES, samples(run, problems, n))
        excluded = {EXCLUDED: EXCLUSION} if run.benchmark == "rtl-mini" else {}
        write_table(folder / "verdicts" / run.path, VERDICTS, verdicts(run, problems, n), excluded=excluded)
