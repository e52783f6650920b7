"""What no single key shows: names that refer to nothing, and settings that contradict each other."""

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ibft.config.deepspeed import own_settings
from ibft.config.messages import suggestion
from ibft.config.sections import BUILTIN_BENCHMARKS, FORMATS_OF, GENERATORS, Track
from ibft.config.targets import RULE_PREFIX, RULES
from ibft.runtime.errors import UserError
from ibft.store.files import why_unreadable

if TYPE_CHECKING:  # the configuration imports this module to check itself
    from ibft.config.config import Config


def unknown_names(config: "Config") -> Iterator[str]:
    """One sentence for each name that refers to nothing."""

    def check(key: str, name: str, known: Mapping[str, Any], kind: str) -> Iterator[str]:
        if name not in known:
            yield f"{key}: unknown {kind} {name!r}{suggestion(name, known)}"

    for name, track in config.tracks.items():
        for model in track.models:
            yield from check(f"tracks.{name}.models", model, config.models, "model")
        yield from check(f"tracks.{name}.dataset", track.dataset, config.datasets, "dataset")
        for benchmark in track.benchmarks:
            yield from check(f"tracks.{name}.benchmarks", benchmark, config.benchmarks, "benchmark")
        for method in track.methods:
            yield from check(f"tracks.{name}.methods", method, config.methods, "method")
    if config.memorization.reference is not None:
        yield from check("memorization.reference", config.memorization.reference, config.datasets, "dataset")
    for name, imported in config.samples.items():
        yield from check(f"samples.{name}.benchmark", imported.benchmark, config.benchmarks, "benchmark")
    for method in config.memorization.score_methods or ():
        yield from check("memorization.score_methods", method, config.methods, "method")
    for method in config.geometry.methods or ():
        yield from check("geometry.methods", method, config.methods, "method")
    for name, target in config.targets.items():
        for key in ("tracks", "models", "benchmarks", "methods"):
            for listed in getattr(target, key) or ():
                yield from check(f"targets.{name}.{key}", listed, getattr(config, key), key[:-1])


def contradictions(config: "Config") -> Iterator[str]:
    """One sentence for each pair of settings that cannot both hold, and for each source that is not there."""
    yield from _tracks_and_imports(config)
    seen: dict[tuple[str, str], str] = {}
    for name, track in config.tracks.items():
        for model in track.models:
            first = seen.setdefault((model, track.dataset), name)
            if first != name:
                yield f"tracks.{name}: model {model!r} on dataset {track.dataset!r} is already run by tracks.{first}"
        if "trials" in track.sampling:
            yield f"tracks.{name}.sampling.trials: set sampling.trials instead, which all tracks share"
        n = config.sampling_of(track.models[0], track.dataset).n
        for k in (*config.metrics.k, config.metrics.strict_k):
            if k > n:
                yield f"metrics: k = {k} needs at least as many samples, but track {name} draws sampling.n = {n}"
        yield from _training_possible(config, name, track)
        for model in track.models:
            yield from _layers_in_range(config, name, model, track)
    for m in config.metrics.strict_m:
        if m > config.metrics.strict_k:
            yield f"metrics.strict_m: m = {m} must be at most metrics.strict_k = {config.metrics.strict_k}"
    yield from _target_names(config)
    yield from _sources(config)


def _target_names(config: "Config") -> Iterator[str]:
    for name in config.targets:
        if name in RULES or name.startswith(RULE_PREFIX):
            yield f"targets.{name}: the workflow has a rule of this name already; give the target another"


def _tracks_and_imports(config: "Config") -> Iterator[str]:
    if not config.tracks and not config.samples:
        yield "tracks: nothing is asked for: give a track, or import samples"
    if config.tracks and config.memorization.reference is None:
        yield "memorization.reference: missing: tracks need a dataset that no model can have seen"
    for name in config.samples:
        if name in config.methods:
            yield f"samples.{name}: a method has this name already, and imported samples are shown as one more method"


def _training_possible(config: "Config", track_name: str, track: Track) -> Iterator[str]:
    training = config.training_of(track.models[0], track.dataset)
    if training.precision == "float16" and not config.compute.gpus:
        yield (
            f"training.precision: float16 does not train on a CPU, and track {track_name} has compute.gpus = 0; "
            "use bfloat16 or float32, or set compute.gpus"
        )
    if training.batch_size < config.compute.processes:
        yield (
            f"training.batch_size: {training.batch_size} examples of track {track_name} cannot be shared by "
            f"compute.processes = {config.compute.processes}"
        )
    if config.compute.deepspeed:
        try:
            own_settings(config.compute.deepspeed, training, config.compute.processes)
        except UserError as error:
            yield str(error)
    for method in track.methods:
        if training.packing and config.methods[method].objective == "released-code":
            yield (
                f"training.packing: methods.{method} of track {track_name} averages KL over padding "
                "(objective: released-code), and packed rows have none; set packing to false"
            )


def _layers_in_range(config: "Config", track_name: str, model: str, track: Track) -> Iterator[str]:
    depth = config.models[model].layers
    layers = {f"methods.{m}.layer": config.methods[m].layer for m in track.methods if config.methods[m].kind == "ibft"}
    for key, layer in {**layers, "geometry.layer": config.geometry.layer}.items():
        if isinstance(layer, int) and layer > depth:
            yield f"{key}: {layer} is out of range for model {model!r} of track {track_name}: valid are 1 to {depth}"


def _sources(config: "Config") -> Iterator[str]:
    for section, entries in (
        ("models", config.models),
        ("datasets", config.datasets),
        ("benchmarks", config.benchmarks),
        ("samples", config.samples),
    ):
        for name, entry in entries.items():
            kind, _, place = entry.source.partition(":")
            key = f"{section}.{name}.source"
            if kind == "path" and (reason := _why_no_source(Path(place), section)):
                yield f"{key}: {reason}"
            if kind == "generated" and place not in GENERATORS:
                yield f"{key}: unknown generator {place!r}{suggestion(place, GENERATORS)}"
            if kind == "builtin" and place not in BUILTIN_BENCHMARKS:
                yield f"{key}: unknown benchmark {place!r}{suggestion(place, BUILTIN_BENCHMARKS)}"
    for name, benchmark in config.benchmarks.items():
        formats = FORMATS_OF[benchmark.language]
        if benchmark.format is not None and benchmark.format not in formats:
            yield (
                f"benchmarks.{name}.format: unknown format {benchmark.format!r} of {benchmark.language} problems"
                f"{suggestion(benchmark.format, formats)}"
            )
        kind, _, place = (benchmark.descriptions or "").partition(":")
        if kind == "path" and (reason := _why_no_source(Path(place), "benchmarks")):
            yield f"benchmarks.{name}.descriptions: {reason}"
        if kind == "url" and not benchmark.descriptions_sha256:
            yield f"benchmarks.{name}.descriptions_sha256: needed for a url: source"
        if benchmark.source.startswith("url:") and not benchmark.sha256:
            yield f"benchmarks.{name}.sha256: needed for a url: source"


def _why_no_source(place: Path, section: str) -> str | None:
    """Why a model's folder or a file of rows cannot be read from, found out without opening it."""
    reason = why_unreadable(place)
    if reason and section == "models":
        reason = None if os.path.isdir(place) else reason  # noqa: PTH112 - which raises nothing
    elif section == "models":
        reason = "it is a file, not a model's folder"
    if reason == "No such file or directory":
        return f"{place} does not exist; give a path from the folder where Snakemake is started"
    return f"{place} cannot be read; {reason}" if reason else None
