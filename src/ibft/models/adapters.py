"""Bring a published LoRA adapter into one local folder, and check there that it fits its base model.

Sources are those of models, `hub:` and `path:`. As with models, the description comes first and is checked before the
weights are fetched, and only safetensors are read.
"""

import logging
import shutil
from functools import partial
from pathlib import Path
from typing import Any

from ibft.models.checks.adapter import CONFIG, WEIGHTS, check_adapter_config, check_adapter_fit, check_adapter_update
from ibft.models.checks.strict_json import read_object
from ibft.models.checks.trial import attempt
from ibft.models.checks.weights import check_finite, dtypes, not_floating
from ibft.models.sources import Source, clear, from_hub, from_path, refusing
from ibft.models.wording import listed, shown
from ibft.runtime.errors import UserError
from ibft.store.manifests import read_manifest, verify

logger = logging.getLogger(__name__)

_GIB = 1 << 30
_FITTING_S = 600.0


def prepare_adapter(name: str, source: str, revision: str | None, base: Path, folder: Path) -> dict[str, Any]:
    """Write the adapter of the method `name` to `folder`; return facts about it. One that is refused leaves no file.

    Args:
        source: hub:OWNER/NAME or path:FOLDER.
        base: folder of the prepared model that the adapter is to be put on.

    Raises:
        UserError: the source is absent, gated or unreachable, or it is no plain LoRA adapter of the layers of this
            base, whole and finite.
    """
    verify(base)
    kind, _, place = source.partition(":")
    folder.mkdir(parents=True, exist_ok=True)
    where = f"methods.{name}.adapter: {source}"
    with refusing(where, folder):
        found: Source = {"hub": from_hub, "path": from_path}[kind](place, revision, folder)
        _check_files(found)
    clear(folder, kept=found.files)
    found.bring([CONFIG])
    with refusing(where, folder):
        config = read_object(folder / CONFIG, most_mib=16)
        check_adapter_config(config)
    found.bring([WEIGHTS])
    clear(folder, kept=(CONFIG, WEIGHTS))
    with refusing(where, folder):
        facts = _check_weights(base, folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)  # where the hub's library keeps broken downloads
    trained_on = config.get("base_model_name_or_path")
    _warn_of_another_base(where, trained_on, read_manifest(base).get("source"))
    return {"source": source, "revision": found.commit, "trained_on": trained_on, "rank": config["r"], **facts}


def _check_files(source: Source) -> None:
    if CONFIG not in source.files:
        raise UserError(f"it has no {CONFIG}, so it is no adapter of peft: check `adapter`")
    if WEIGHTS not in source.files:
        raise UserError(f"it has no {WEIGHTS}; pickles are never read: convert it to safetensors")


def _check_weights(base: Path, folder: Path) -> dict[str, Any]:
    weights = folder / WEIGHTS
    found = dtypes([weights], {})
    if other := not_floating(found):
        raise UserError(f"{listed(other)} holds no floating-point numbers: fetch it anew")
    fit = partial(check_adapter_fit, base, folder)
    facts = attempt(fit, "the adapter", seconds=_FITTING_S, memory=4 * _GIB + weights.stat().st_size)
    check_finite([weights], len(found))
    check_adapter_update(weights)
    return facts


def _warn_of_another_base(where: str, trained_on: object, source: object) -> None:
    """Tell of a base that is called otherwise: equal shapes do not make it the one that the adapter was trained on."""
    if str(trained_on).rpartition("/")[2] != str(source).rpartition("/")[2].rpartition(":")[2]:
        logger.warning("%s says that it was trained on %s, and is put on %s", where, shown(trained_on), shown(source))
