"""Everything that a run's manifests and tables say about one trained variant, for its card."""

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from ibft.paths import Results, Variant
from ibft.runtime.errors import UserError
from ibft.store import parquet
from ibft.store.manifests import folder_of, read_manifest
from ibft.store.run_records import RunRecord, read_runs
from ibft.store.schemas import COMPARISONS, CONTAMINATION, HELD_OUT, MEMORIZATION, METRICS, Table

_SEED = "seed0"


@dataclass(frozen=True)
class Facts:
    """Facts about one variant.

    Attributes:
        base, adapter, data: manifests of the base model, the adapter, and the examples as they were brought here.
        job: of its training, without what has its default.
        kept: the manifest of the selection that it was trained on; None where it was trained on all examples.
        metrics: METRICS of this method and of the base model on the same data; empty where nothing was judged.
        comparisons: COMPARISONS of this method.
        memorization: name of the data -> Min-K% Prob of the base model on it, as MEMORIZATION.
        contaminated: benchmark -> examples of the data that overlap with it.
        held_out: mean NLL of the held-out examples, in nats per token, by step; empty where none were held out.
        commands: that made it, first those of its training; no path of this machine is in them.
    """

    variant: Variant
    base: dict[str, Any]
    adapter: dict[str, Any]
    data: dict[str, Any]
    job: dict[str, Any]
    kept: dict[str, Any] | None
    metrics: pd.DataFrame
    comparisons: pd.DataFrame
    memorization: dict[str, pd.DataFrame]
    contaminated: dict[str, int]
    held_out: pd.Series
    commands: tuple[str, ...]


def parse_variant(text: str) -> Variant:
    """Read MODEL/DATASET/METHOD or MODEL/DATASET/METHOD/seedN.

    Raises:
        UserError: it is neither.
    """
    parts = text.strip("/").split("/")
    try:
        return Variant.parse("/".join([*parts, _SEED] if len(parts) == 3 else parts))
    except ValueError:
        raise UserError(f"{text} is no variant: give MODEL/DATASET/METHOD, or MODEL/DATASET/METHOD/seed1") from None


def trained_variants(results: Path) -> list[Variant]:
    """Return every variant whose adapter is finished, sorted."""
    found = (results / "training").glob("*/*/*/seed*/adapter/manifest.json")
    return sorted(Variant.parse("/".join(path.parts[-6:-2])) for path in found)


def adapter_of(results: Path, variant: Variant) -> Path:
    """Return the folder of an adapter.

    Raises:
        UserError: there is none; the sentence lists those that are.
    """
    folder = folder_of(Results(str(results)).adapter(variant))
    if not (folder / "manifest.json").exists():
        known = [str(each) for each in trained_variants(results)]
        there = f"trained are {', '.join(known)}" if known else "no variant was trained there yet"
        raise UserError(f"{results} has no trained variant {variant}: {there}")
    return folder


def gather(results: Path, variant: Variant) -> Facts:
    """Read all facts about a variant.

    Raises:
        UserError: there is no such variant, or what it was made of is missing or damaged.
    """
    layout = Results(str(results))
    adapter = read_manifest(adapter_of(results, variant))
    words = shlex.split(adapter["command"])
    kept = _option(words, "--kept")
    return Facts(
        variant=variant,
        base=read_manifest(folder_of(layout.model(variant.model))),
        adapter=adapter,
        data=read_manifest(Path(layout.examples(variant.dataset))),
        job=json.loads(_option(words, "--job") or "{}"),
        kept=read_manifest(results.joinpath(*Path(kept).parts[-4:])) if kept else None,  # from `selection` on
        metrics=_of_variant(results, variant, "metrics", METRICS, ["base"]),
        comparisons=_of_variant(results, variant, "comparisons", COMPARISONS, []),
        memorization=dict(_memorization(results, variant)),
        contaminated=dict(_contaminated(results, variant.dataset)),
        held_out=_held_out(Path(layout.held_out(variant))),
        commands=(public(adapter["command"], None), *_commands_of_runs(results)),
    )


def public(command: str, run: RunRecord | None) -> str:
    """Write a command as others can give it: scripts as in a checkout, files of this machine by their names alone."""
    return shlex.join(_public(word, run) for word in shlex.split(command))


def _public(word: str, run: RunRecord | None) -> str:
    name, equals, value = word.rpartition("=") if word.startswith("--") else ("", "", word)
    path = Path(value)
    if not path.is_absolute():
        return word
    if path.parent.name == "scripts":
        return f"{name}{equals}workflow/scripts/{path.name}"
    if run and path.is_relative_to(run.folder):
        return f"{name}{equals}{path.relative_to(run.folder)}"
    return f"{name}{equals}{path.name}"


def _commands_of_runs(results: Path) -> Iterator[str]:
    """Yield the start of each run with this results folder, the latest first."""
    for run in read_runs(results):
        yield public(shlex.join(["ibft", "run", *run.options, *(["--", *run.targets] if run.targets else [])]), run)


def _option(words: list[str], name: str) -> str | None:
    """Return the value of an option; None where it is absent or has none."""
    place = words.index(name) + 1 if name in words else len(words)
    return words[place] if place < len(words) and not words[place].startswith("--") else None


def _of_variant(results: Path, variant: Variant, name: str, table: Table, others: list[str]) -> pd.DataFrame:
    path = Path(Results(str(results)).metrics("all", name))
    if not path.exists():
        return pd.DataFrame(columns=table.schema.names)
    rows = parquet.read_table(path, table)
    same = (rows["model"] == variant.model) & (rows["dataset"] == variant.dataset)
    return rows[same & rows["method"].isin([variant.method, *others])]


def _memorization(results: Path, variant: Variant) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield the scores of the base model: of the data it was trained on, then of the references."""
    found = sorted((results / "memorization" / variant.model).glob("*/base/seed0.parquet"))
    names = sorted((path.parts[-3] for path in found), key=lambda name: (name != variant.dataset, name))
    for name in names:
        path = results / "memorization" / variant.model / name / "base" / "seed0.parquet"
        yield name, parquet.read_table(path, MEMORIZATION)


def _contaminated(results: Path, dataset: str) -> Iterator[tuple[str, int]]:
    for path in sorted((results / "contamination" / dataset).glob("*.parquet")):
        rows = parquet.read_table(path, CONTAMINATION)
        yield path.stem, rows.loc[rows["contaminated"], "example_id"].nunique()


def _held_out(path: Path) -> pd.Series:
    if not path.exists():
        return pd.Series(dtype=float)
    means: pd.Series = parquet.read_table(path, HELD_OUT).groupby("step")["nll"].mean()
    return means
