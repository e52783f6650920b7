"""Check what a configuration reads: files, folders, and what is built in."""

import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from ibft.config.messages import suggestion
from ibft.config.sections import BUILTIN_BENCHMARKS, FOLDER_FORMATS, FORMATS_OF, GENERATORS
from ibft.config.unchecked import UncheckedConfig
from ibft.store.files import why_unreadable

Taken = Literal["file", "folder", "either"]


def faulty_sources(config: UncheckedConfig) -> Iterator[str]:
    """Yield one sentence for each source that is not there, or that is not what its entry says."""
    for section, entries in (
        ("models", config.models),
        ("datasets", config.datasets),
        ("benchmarks", config.benchmarks),
        ("imported_samples", config.imported_samples),
    ):
        for name, entry in entries.items():
            kind, _, place = entry.source.partition(":")
            key = f"{section}.{name}.source"
            is_folder = section == "models" or getattr(entry, "format", None) in FOLDER_FORMATS
            taken: Taken = "folder" if is_folder else "either" if section == "datasets" else "file"
            if kind == "path" and (reason := why_no_source(Path(place), taken)):
                yield f"{key}: {reason}"
            if kind == "generated" and place not in GENERATORS:
                yield f"{key}: unknown generator {place!r}{suggestion(place, GENERATORS)}"
            if kind == "builtin" and place not in BUILTIN_BENCHMARKS:
                yield f"{key}: unknown benchmark {place!r}{suggestion(place, BUILTIN_BENCHMARKS)}"
    yield from _parts_of_datasets(config)
    for name, benchmark in config.benchmarks.items():
        formats = FORMATS_OF[benchmark.language]
        if benchmark.format is not None and benchmark.format not in formats:
            yield (
                f"benchmarks.{name}.format: unknown format {benchmark.format!r} of {benchmark.language} problems"
                f"{suggestion(benchmark.format, formats)}"
            )
        kind, _, place = (benchmark.descriptions or "").partition(":")
        if kind == "path" and (reason := why_no_source(Path(place), "file")):
            yield f"benchmarks.{name}.descriptions: {reason}"
        if kind == "url" and not benchmark.descriptions_sha256:
            yield f"benchmarks.{name}.descriptions_sha256: needed for a url: source"
        if benchmark.source.startswith("url:") and not benchmark.sha256:
            yield f"benchmarks.{name}.sha256: needed for a url: source"


def _parts_of_datasets(config: UncheckedConfig) -> Iterator[str]:
    """Yield one sentence for each dataset that is drawn in a way that its source does not know."""
    for name, dataset in config.datasets.items():
        if dataset.source != "generated:rtl" and (dataset.families or dataset.rounds):
            key = "families" if dataset.families else "rounds"
            yield f"datasets.{name}.{key}: only generated:rtl has families and rounds; leave it out"
        if not dataset.source.startswith("generated:") and dataset.longest_response:
            yield f"datasets.{name}.longest_response: only generated data can be drawn by length; leave it out"


def why_no_source(place: Path, taken: Taken) -> str | None:
    """Say why a source cannot be read, found out without opening it. Where either is taken, so is a pattern."""
    reason = why_unreadable(place)
    if reason and taken != "file" and os.path.isdir(place):  # noqa: PTH112 - which raises nothing
        return None
    is_pattern = taken == "either" and glob.has_magic(str(place)) and not os.path.lexists(place)
    if is_pattern and glob.glob(str(place), recursive=True):  # noqa: PTH207 - which takes absolute ones
        return None
    if not reason and taken == "folder":
        reason = "it is a file, not a folder"
    if reason == "No such file or directory":
        return f"{place} does not exist; give a path from the folder where Snakemake is started"
    return f"{place} cannot be read; {reason}" if reason else None
