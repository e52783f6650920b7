"""The files that a model's folder may hold, judged before any is read.

Only files directly in the folder are part of a model: descriptions (JSON, tokenizer, chat template) and safetensors.
"""

import stat
from collections.abc import Collection, Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from ibft.models.checks.strict_json import read_object
from ibft.models.wording import shown
from ibft.runtime.errors import UserError

WEIGHTS = "model.safetensors"
INDEX = f"{WEIGHTS}.index.json"
KEPT = ("*.json", "*.safetensors", "*.model", "*.jinja", "tokenizer*")
_NOT_KEPT = ("manifest.json", "*.safetensors", "*.bin.index.json", "*.py", "*.bin", "*.pt", "*.pth", "*.pkl", "*.gguf")


def plain_files(folder: Path) -> dict[str, int]:
    """Return names and sizes (bytes) of the files in `folder`.

    Raises:
        UserError: there is none, or a link leads out of the folder (but into the hub's cache that the folder is part
            of), or something is neither a file nor a folder, or a folder has the name of a file of a model.
    """
    if not folder.is_dir():
        raise UserError(f"model folder {folder} is no folder: check `source`")
    files = {}
    for entry in sorted(folder.iterdir()):
        name = f"{shown(entry.name)} in model folder {folder}"
        if entry.is_symlink() and not _leads_to_own(entry, folder.resolve()):
            raise UserError(f"{name} is a link that leads out of the folder: put the file itself in its place")
        found = entry.stat()
        if stat.S_ISREG(found.st_mode):
            files[entry.name] = found.st_size
        elif not stat.S_ISDIR(found.st_mode):
            raise UserError(f"{name} is a pipe, a socket or a device, and no file: delete it")
        elif _matches(entry.name, KEPT):
            raise UserError(f"{name} is a folder with the name of a file: delete it, or fetch the model anew")
    return files


def _leads_to_own(link: Path, folder: Path) -> bool:
    """In the hub's cache `snapshots/COMMIT/FILE` is a link to `blobs/CHECKSUM`."""
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):  # to nowhere, or round in a circle
        return False
    in_cache = folder.parent.name == "snapshots" and target.parent == folder.parent.parent / "blobs"
    return in_cache or target.is_relative_to(folder)


def descriptions(files: Iterable[str]) -> list[str]:
    """Return the `files` that are part of a model, but for its weights."""
    return [name for name in files if "/" not in name and _matches(name, KEPT) and not _matches(name, _NOT_KEPT)]


def weight_files(folder: Path, files: Collection[str]) -> list[str]:
    """Names of the safetensors that are the model's weights: `model.safetensors`, or those of the index in `folder`.

    Args:
        files: that the model has; those of `descriptions` are in `folder`.

    Raises:
        UserError: there are none, or the index names anything else.
    """
    if not any(name.endswith(".safetensors") for name in files):
        raise UserError("the model holds no *.safetensors file; pickles are never read: convert it to safetensors")
    if INDEX not in files:
        if WEIGHTS not in files:
            raise UserError(f"the model has neither {WEIGHTS} nor {INDEX}: save it with transformers' save_pretrained")
        return [WEIGHTS]
    named = indexed(folder)
    for name in sorted(set(named.values())):
        if name not in files or "/" in name or not name.endswith(".safetensors"):
            raise UserError(f"{INDEX} names {shown(name)}, which is no *.safetensors file of the folder: fetch it anew")
    if WEIGHTS in files and WEIGHTS not in named.values():
        raise UserError(f"the model has {WEIGHTS} and, with other files, {INDEX}: delete the one that is not its own")
    return sorted(set(named.values()))


def indexed(folder: Path) -> dict[str, str]:
    """File name by tensor name, as the index in `folder` has it.

    Raises:
        UserError: the index is damaged.
    """
    named = read_object(folder / INDEX, most_mib=64).get("weight_map")
    if not isinstance(named, dict) or not named or not all(isinstance(file, str) for file in named.values()):
        raise UserError(f"{INDEX} has no `weight_map` from tensors to files: fetch it anew")
    return named


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
