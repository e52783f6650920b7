"""Rows of a data set on the Hugging Face hub."""

from typing import Any

import datasets

from ibft.config.sections import Dataset
from ibft.data.hub import Pin, absent, fetch, gated, pin
from ibft.runtime.errors import UserError

_DESCRIPTIONS = ("README.md", ".huggingface.yaml", "dataset_infos.json")  # which files the subsets and splits are


def pinned(dataset: Dataset) -> Dataset:
    """Return `dataset`, and each part of a mixture, with the commit that its revision is now; others as they are.

    Raises:
        UserError: as `ibft.data.hub.pin`.
    """
    if dataset.parts:
        return dataset.model_copy(update={"parts": {name: pinned(part) for name, part in dataset.parts.items()}})
    kind, _, name = dataset.source.partition(":")
    if kind != "hub":
        return dataset
    return dataset.model_copy(update={"revision": pin("dataset", name, dataset.revision).commit})


def load_rows(name: str, dataset: Dataset) -> list[dict[str, Any]]:
    """Return all rows of `dataset`, which is called `name` (OWNER/NAME) on the hub, in the hub's order.

    Raises:
        UserError: the hub is out of reach, the data set is gated, it, its revision, subset or split is absent, or a
            file is not the one that the hub records.
    """
    rows: list[dict[str, Any]] = _load(name, dataset, pin("dataset", name, dataset.revision)).to_list()
    return rows


def _load(name: str, dataset: Dataset, pinned: Pin) -> Any:
    try:
        fetch_checked(name, dataset.subset, pinned)
        return datasets.load_dataset(name, dataset.subset, split=dataset.split, revision=pinned.commit)
    except datasets.exceptions.DatasetNotFoundError as error:
        raise (gated if "gated" in str(error) else absent)("dataset", name) from None
    except ValueError as error:  # an unknown subset or split; the message lists the valid ones
        raise UserError(f"hub data set {name}, subset {dataset.subset}, split {dataset.split!r}: {error}") from None
    except OSError as error:
        raise UserError(
            f"hub data set {name} cannot be loaded ({error}): check the network, or prepare it on a machine that "
            "reaches the hub"
        ) from None


def fetch_checked(name: str, subset: str | None, pinned: Pin) -> None:
    """Bring the files of `subset` into the hub's cache, where `datasets` finds them, and compare them with the record.

    Raises:
        UserError: as `ibft.data.hub.fetch`, or the data set names a file that is not its own.
    """
    fetch("dataset", name, pinned, [file for file in _DESCRIPTIONS if file in pinned.files])
    builder = datasets.load_dataset_builder(name, subset, revision=pinned.commit)
    own = f"hf://datasets/{name}@{pinned.commit}/"
    named = [str(file) for files in (builder.config.data_files or {}).values() for file in files]
    for file in named:
        if file.removeprefix(own) not in pinned.files:
            raise UserError(
                f"hub data set {name} names {file!r}, which is no file of its own, so the hub records no checksum: "
                "fetch it by hand and use a path: source"
            )
    fetch("dataset", name, pinned, [file.removeprefix(own) for file in named])
