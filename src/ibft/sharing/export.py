"""Write a trained variant to a folder of its own, in one of three formats, with its card."""

import importlib
import json
import shlex
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from ibft.paths import Results, Variant
from ibft.runtime.errors import UserError
from ibft.sharing.card import Format, base_model, model_card
from ibft.sharing.facts import Facts, adapter_of, gather
from ibft.store.files import write_bytes
from ibft.store.manifests import folder_of, verify

FORMATS = ("adapter", "merged", "gguf")
GGUF_FILE = "model.gguf"


def export(results: Path, variant: Variant, form: Format, folder: Path, licence: str | None = None) -> None:
    """Write `variant` to `folder`, with its card. The folder appears when it is whole.

    Raises:
        UserError: there is no such variant, it is damaged, its folder is in use, or llama.cpp cannot run such a model.
    """
    facts = gather(results, variant)
    adapter = adapter_of(results, variant)
    base = folder_of(Results(str(results)).model(variant.model))
    verify(adapter, results)
    write: dict[Format, Callable[[Path], None]] = {
        "adapter": lambda target: _write_adapter(adapter, target, facts),
        "merged": lambda target: _write_merged(base, adapter, facts, target),
        "gguf": lambda target: _write_gguf(base, adapter, facts, target),
    }
    with _made_whole(folder) as target:
        write[form](target)
        write_bytes(target / "README.md", model_card(facts, form, licence).encode())


@contextmanager
def _made_whole(folder: Path) -> Iterator[Path]:
    """Yield a folder beside `folder`, which takes that name when the block has succeeded, and is removed otherwise."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError(f"{folder} is there already: name another --out, or remove it")
    folder.parent.mkdir(parents=True, exist_ok=True)
    target = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        yield target
        target.chmod(0o755)
        target.replace(folder)
    finally:
        shutil.rmtree(target, ignore_errors=True)


def _write_adapter(adapter: Path, target: Path, facts: Facts) -> None:
    """Copy the adapter, which names its base as anybody finds it: peft has written this machine's folder."""
    shutil.copyfile(adapter / "adapter_model.safetensors", target / "adapter_model.safetensors")
    config = json.loads((adapter / "adapter_config.json").read_bytes())
    config["base_model_name_or_path"] = base_model(facts) or facts.variant.model
    write_bytes(target / "adapter_config.json", json.dumps(config, indent=2).encode() + b"\n")


def _write_merged(base: Path, adapter: Path, facts: Facts, target: Path) -> None:
    # Torch, for which `ibft export --help` must not wait.
    importlib.import_module("ibft.models.expose").merge_model(base, adapter, _precision(facts), target)


def _write_gguf(base: Path, adapter: Path, facts: Facts, target: Path) -> None:
    llama_gguf = importlib.import_module("ibft.sharing.llama_gguf")
    llama_gguf.check_convertible(base)  # before minutes of merging
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".merged.") as merged:
        _write_merged(base, adapter, facts, Path(merged))
        llama_gguf.write_gguf(Path(merged), target / GGUF_FILE, str(facts.variant).replace("/", " "))


def _precision(facts: Facts) -> str:
    """Return the precision that the base was trained and is sampled in."""
    return str(facts.job.get("precision", "float32"))


def default_folder(variant: Variant, form: Format) -> Path:
    return Path("exports") / str(variant).replace("/", "-") / form


def told(variant: Variant, form: Format, folder: Path) -> str:
    """Say what was written, and how to pass it on."""
    push = shlex.join(["ibft", "export", str(variant), "--format", form, "--out", str(folder), "--push", "OWNER/NAME"])
    return f"{variant} as {form} in {folder}: read {folder / 'README.md'} first; {push} uploads it to the hub"
