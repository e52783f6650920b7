"""Make a model of a base and an adapter: an ordinary folder, which no stage can tell from one that was downloaded."""

from pathlib import Path
from typing import Any

from ibft.models.loaders import read_tokenizer
from ibft.models.loading import save_merged
from ibft.models.sources import clear
from ibft.store.manifests import read_manifest

_OF_ARCHITECTURE = ("revision", "layers", "width", "vocabulary", "parameters")  # facts that exposure leaves as they are


def expose_model(base: Path, adapter: Path, precision: str, folder: Path) -> dict[str, Any]:
    """Write the model of folder `base` with `adapter` merged into its weights to `folder`; return facts about it.

    Raises:
        UserError: the base or the adapter is missing or damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    clear(folder)
    merge_model(base, adapter, precision, folder)
    known = read_manifest(base)
    return {"source": f"exposed:{base.name}"} | {name: known[name] for name in _OF_ARCHITECTURE if name in known}


def merge_model(base: Path, adapter: Path, precision: str, folder: Path) -> None:
    """Write the weights of `base` with `adapter` merged into them, and its tokenizer, to `folder`.

    Raises:
        UserError: the base or the adapter is missing or damaged.
    """
    save_merged(base, adapter, precision, folder)
    read_tokenizer(base).save_pretrained(folder)
    for file in folder.glob("*.safetensors"):
        file.chmod(0o644)
