"""Variants of one base are trained in one job, and in jobs of their own: processor time and weights are compared.

python perf/together.py --model results/models/exposed --examples results/decontaminated/rtl.parquet

They are those of the default run: FT, IB-FT as printed and the informative one, with several training seeds. Each way
runs `workflow/scripts/train.py` in new processes, one after the other.
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from safetensors.torch import load_file

from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage, stage_parser

SCRIPT = Path(__file__).resolve().parents[1] / "workflow" / "scripts" / "train.py"
METHODS: tuple[dict[str, Any], ...] = (
    {"kind": "ft"},
    {"kind": "ibft", "normalize_hidden": True},
    {"kind": "ibft", "objective": "vib", "alpha": 1.0, "kl_weight": 0.001, "normalize_hidden": True},
)
LORA = {"rank": 32, "alpha": 32, "dropout": 0.0}


def main(arguments: argparse.Namespace) -> None:
    training = {
        "updates": arguments.updates,
        "learning_rate": 1e-3,
        "max_length": 320,
        "micro_batch_tokens": 192,
        "lora": LORA,
    }
    seeds = ((seed, method) for seed in itertools.count() for method in METHODS)
    jobs = [
        {"method": method, "layer": arguments.layer, "profile": "ibft", "training": training, "seed": seed}
        for seed, method in itertools.islice(seeds, arguments.variants)
    ]
    with tempfile.TemporaryDirectory() as folder:
        together, alone = Path(folder, "together"), Path(folder, "alone")
        everyone = list(enumerate(jobs))
        cost_together = measured([command(arguments, everyone, together)])
        cost_alone = measured([command(arguments, [each], alone) for each in everyone])
        for name, (seconds, wall) in (("together", cost_together), ("alone", cost_alone)):
            print(f"{name:9}{seconds:7.1f} CPU s {wall:7.1f} s wall, {len(jobs)} variants")
        print(f"together over alone, CPU: {cost_together[0] / cost_alone[0]:.2f}")
        print(f"largest difference of a weight: {furthest(together, alone):.1e}")


def command(arguments: argparse.Namespace, variants: Sequence[tuple[int, dict[str, Any]]], folder: Path) -> list[str]:
    places = [folder / str(number) for number, _ in variants]
    return [
        *(sys.executable, str(SCRIPT), "--threads", str(arguments.threads)),
        *("--model", str(arguments.model), "--examples", str(arguments.examples)),
        *("--job", *(json.dumps(job) for _, job in variants)),
        *("--output", *(str(place / "adapter") for place in places)),
        *("--training-log", *(str(place / "log.parquet") for place in places)),
        *("--training-speed", *(str(place / "speed.csv") for place in places)),
    ]


def measured(commands: Sequence[list[str]]) -> tuple[float, float]:
    """Run them, and return their seconds of processor and of wall time."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    for each in commands:
        run = subprocess.run(each, capture_output=True, text=True, check=False)
        if run.returncode:
            raise UserError(run.stderr.splitlines()[-1])
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime, time.monotonic() - started


def furthest(together: Path, alone: Path) -> float:
    """Return the largest difference between two weights of one name."""
    differences = []
    for file in together.rglob("*.safetensors"):
        own, other = load_file(file), load_file(alone / file.relative_to(together))
        differences += [float((own[name] - other[name]).abs().max()) for name in own]
    return max(differences)


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--model", type=Path, default=Path("results/models/exposed"))
    arguments.add_argument("--examples", type=Path, default=Path("results/decontaminated/rtl.parquet"))
    arguments.add_argument("--variants", type=int, default=7)
    arguments.add_argument("--updates", type=int, default=10)
    arguments.add_argument("--layer", type=int, default=20)
    arguments.add_argument("--threads", type=int, default=1)
    return arguments


if __name__ == "__main__":
    run_stage(main, parser())
