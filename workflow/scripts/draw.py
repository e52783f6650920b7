"""Draw what all variants of one base model lack, on all benchmarks, at all temperatures, in all trials, by one engine.

    python workflow/scripts/draw.py --model results/models/smollm2 --output results/draws/smollm2/shard0of1 --tracks \\
        '[{"profile": "chat", "sampling": {"n": 10}, "benchmarks": {"humaneval": "results/problems/humaneval.parquet"},
        "variants": {"smollm2/code/base/seed0": null, "smollm2/code/ft/seed0": "ADAPTER"}}]'

Leaves one journal per draw below the output folder; `collect_samples.py` makes tables of them. Draws that stand there
already, of the same inputs by the same code, are not made again; a killed run continues after its finished problems.
Several jobs share the problems of every benchmark (`--shard`, `--shards`).
"""

import argparse
import json
from contextlib import ExitStack
from pathlib import Path

from pydantic import TypeAdapter

from ibft.models.loading import use_threads
from ibft.runtime.stage import run_stage, stage_parser
from ibft.sampling.engine import Engine
from ibft.sampling.job import Order, TrackOrders
from ibft.sampling.sample import Work, draw_missing
from ibft.sampling.start import engine_identity, open_engine
from ibft.store.files import write_bytes
from ibft.store.journal import Journal


def parser() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a prepared base model")
    parser.add_argument("--precision", default="float32", help="of the weights: float32, bfloat16 or float16")
    parser.add_argument(
        "--tracks",
        required=True,
        type=TypeAdapter(list[TrackOrders]).validate_json,
        help="JSON: for each track its profile, section `sampling`, {BENCHMARK: table}, {VARIANT: adapter or null}",
    )
    parser.add_argument("--shard", type=int, default=0, help="which of the jobs that share the problems, from 0")
    parser.add_argument("--shards", type=int, default=1, help="how many there are")
    parser.add_argument("--threads", type=int, default=1, help="CPU cores to use")
    parser.add_argument("--output", type=Path, required=True, help="folder for the journals")
    parser.add_argument("--complete", type=Path, nargs="*", default=[], help="empty files to write in the end")
    return parser


def main(arguments: argparse.Namespace) -> None:
    orders = [order for track in arguments.tracks for order in track.orders()]
    orders.sort(key=lambda order: str(order.adapter or ""))  # draws of one adapter side by side
    settings = arguments.tracks[0].sampling  # tracks differ in no key that chooses or starts an engine
    identity = engine_identity(settings.engine)
    use_threads(arguments.threads)

    def start_engine() -> Engine:
        return open_engine(
            settings,
            arguments.model,
            [order.adapter for order in orders],
            precision=arguments.precision,
            threads=arguments.threads,
        )

    def work(order: Order) -> Work:
        key = order.key(Path(__file__), arguments.model, arguments.precision, identity)
        journal = journals.enter_context(Journal(arguments.output / order.draw.path, key))
        own = order.read_problems()[arguments.shard :: arguments.shards]
        return Work(order, own, range(order.settings.trials), journal)

    with ExitStack() as journals:
        draw_missing([work(order) for order in orders], start_engine)
    write_bytes(arguments.output / "engine.json", json.dumps(identity).encode())
    for path in arguments.complete:
        write_bytes(path, b"")


if __name__ == "__main__":
    run_stage(main, parser())
