"""A draw: all completions of one variant on one benchmark at one temperature; what decides it, and where it is kept.

While a draw is made, its finished problems stand in a journal, one entry per problem and trial. Who asks for a single
draw turns its journal into tables and removes it. A job that serves all draws of a model leaves journals behind, out of
which tables are made later, without an engine. Nothing here imports torch or transformers.
"""

import argparse
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel

from ibft.config.sampling import Sampling
from ibft.prompts import Problem, get_profile
from ibft.runtime.errors import UserError
from ibft.store import parquet
from ibft.store.journal import Entry, journal_key
from ibft.store.manifests import manifest_path, read_manifest, verify
from ibft.store.schemas import PROBLEMS, SAMPLES

logger = logging.getLogger(__name__)

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Draw:
    """Which samples these are: with a problem, a trial and a number it seeds every one of them."""

    variant: str  # model, dataset, method and training seed, as one string
    benchmark: str
    temperature: float

    @property
    def path(self) -> Path:
        """Where it lies in a folder of draws."""
        return Path(self.variant) / self.benchmark / f"T{self.temperature:g}.journal"


@dataclass(frozen=True)
class Order:
    """A draw as a job is asked for it.

    Attributes:
        adapter: folder of the variant's adapter; None for a base model.
        problems: the table `problems` of the benchmark.
    """

    draw: Draw
    adapter: Path | None
    problems: Path
    profile: str
    settings: Sampling

    def key(self, script: Path, model: Path, precision: str, engine: str) -> str:
        """A digest of all that the samples depend on, the number of trials aside; see `ibft.store.journal.journal_key`.

        Args:
            script: the command that draws.
            model: folder of the base model.
            engine: its name and version.
        """
        profile, chosen = get_profile(self.profile), self.settings
        settled = (self.draw, profile.name, profile.version, chosen.n, chosen.top_p, chosen.max_new_tokens)
        inputs = [path for path in (model, self.adapter, self.problems) if path]
        return journal_key(script, inputs, repr(settled), precision, engine, chosen.adapters)

    def read_problems(self) -> list[Problem]:
        """The rows of `problems`.

        Raises:
            UserError: there are none.
        """
        found = parquet.read_table(self.problems, PROBLEMS)
        if found.empty:
            raise UserError(f"{self.problems} holds no problem to sample")
        return cast(list[Problem], list(found.itertuples(index=False)))


class TrackOrders(BaseModel):
    """All draws of one base model in one track: every variant on every benchmark at every temperature.

    Attributes:
        benchmarks: name -> table `problems`.
        variants: model, dataset, method and training seed, as one string -> folder of the adapter.
    """

    profile: str
    sampling: Sampling
    benchmarks: dict[str, Path]
    variants: dict[str, Path | None]

    def orders(self) -> Iterator[Order]:
        for variant, adapter in self.variants.items():
            for benchmark, problems in self.benchmarks.items():
                for temperature in self.sampling.temperatures:
                    draw = Draw(variant, benchmark, temperature)
                    yield Order(draw, adapter, problems, self.profile, self.sampling)


def add_order_options(parser: argparse.ArgumentParser) -> None:
    """Add what the commands have in common that make the tables of one draw; `order_of` reads it."""
    parser.add_argument("--model", type=Path, required=True, help="folder of a prepared model")
    parser.add_argument("--adapter", type=Path, help="folder of a LoRA adapter to put on top")
    parser.add_argument("--precision", default="float32", help="of the weights: float32, bfloat16 or float16")
    parser.add_argument("--problems", type=Path, required=True, help="table `problems`")
    parser.add_argument("--profile", required=True, help="prompt profile")
    parser.add_argument("--settings", default="{}", help="section `sampling` of the configuration, as JSON")
    parser.add_argument("--variant", required=True, help="model, dataset, method and training seed; part of the seeds")
    parser.add_argument("--benchmark", required=True, help="name of the benchmark; part of the seeds")
    parser.add_argument("--temperature", type=float, required=True)
    parser.add_argument("--threads", type=int, default=1, help="CPU cores to use")
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True, help="a table `samples` for each trial from 0"
    )


def order_of(arguments: argparse.Namespace) -> Order:
    return Order(
        Draw(arguments.variant, arguments.benchmark, arguments.temperature),
        arguments.adapter,
        arguments.problems,
        arguments.profile,
        Sampling.model_validate_json(arguments.settings),
    )


def absent(outputs: Sequence[Path], key: str) -> dict[int, Path]:
    """The trials, and their outputs, that are not there yet as `key` would have them. The others count as made now."""
    wanted = {}
    for trial, output in enumerate(outputs):
        if output.exists() and manifest_path(output).exists() and read_manifest(output).get("key") == key:
            verify(output)
            output.touch()
            logger.info("%s is drawn already", output)
        else:
            wanted[trial] = output
    return wanted


def write_trials(
    wanted: Mapping[int, Path],
    problems: Sequence[Problem],
    entries: Iterable[Entry],
    max_new_tokens: int,
    **facts: Any,
) -> None:
    """Write the table `samples` of each wanted trial, ordered by problem and sample, with `facts` in its manifest.

    Raises:
        UserError: `entries` lack a problem in one of the trials.
    """
    rows_of: dict[tuple[str, int], Rows] = {(entry["task_id"], entry["trial"]): entry["rows"] for entry in entries}
    for trial, output in wanted.items():
        lacking = [problem.task_id for problem in problems if (problem.task_id, trial) not in rows_of]
        if lacking:
            raise UserError(
                f"{output}: {len(lacking)} of {len(problems)} problems are not drawn in trial {trial}, such as "
                f"{lacking[0]}: run Snakemake, which draws them"
            )
        rows = [row for problem in problems for row in rows_of[problem.task_id, trial]]
        truncated = sum(row["finish_reason"] == "length" for row in rows)
        logger.info("%d of %d samples reached %d tokens", truncated, len(rows), max_new_tokens)
        parquet.write_table(output, SAMPLES, rows, **facts)
