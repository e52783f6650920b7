"""Take the samples of one variant, benchmark and temperature out of what `draw.py` left; no engine is started.

    python workflow/scripts/collect_samples.py --drawn results/draws/smollm2/shard0of1 --model results/models/smollm2 \\
        --problems problems.parquet --profile chat --settings '{"n": 10}' --variant smollm2/rtl/base/seed0 \\
        --benchmark rtl-mini --temperature 0.2 --outputs trial0.parquet trial1.parquet

Writes the tables that `sample.py` would. Refuses draws of other inputs, settings or code.
"""

import argparse
import json
import logging
from collections.abc import Iterator
from pathlib import Path

from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage, stage_parser
from ibft.sampling.job import Order, absent, add_order_options, order_of, write_trials
from ibft.store.journal import Entry, finished_entries

DRAWN_BY = Path(__file__).with_name("draw.py")
logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    add_order_options(parser)
    parser.add_argument("--drawn", type=Path, nargs="+", required=True, help="folders that `draw.py` wrote")
    return parser


def main(arguments: argparse.Namespace) -> None:
    order = order_of(arguments)
    problems = order.read_problems()
    keys = {folder: _key(order, folder, arguments) for folder in arguments.drawn}
    key = " ".join(sorted(set(keys.values())))
    wanted = absent(arguments.outputs, key)
    if not wanted:
        return
    logger.info("samples are taken out of %s; no engine is started", ", ".join(map(str, arguments.drawn)))
    write_trials(wanted, problems, _entries(order, keys), order.settings.max_new_tokens, key=key)


def _key(order: Order, folder: Path, arguments: argparse.Namespace) -> str:
    """The key that the draw has in `folder`, where a file tells the engine."""
    told = folder / "engine.json"
    if not told.is_file():
        raise UserError(f"{folder} holds no finished draws: run Snakemake, which makes them")
    engine: str = json.loads(told.read_text())
    return order.key(DRAWN_BY, arguments.model, arguments.precision, engine)


def _entries(order: Order, keys: dict[Path, str]) -> Iterator[Entry]:
    for folder, key in keys.items():
        try:
            yield from finished_entries(folder / order.draw.path, key)
        except UserError as error:
            raise UserError(f"{error}: remove {folder} and run Snakemake, which draws again what it held") from None


if __name__ == "__main__":
    run_stage(main, parser())
