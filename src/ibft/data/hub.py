"""The Hugging Face hub: which commit a repository's revision is now, its files as recorded, and its refusals.

Only the stages that prepare models and data sets come here; all others work on what those have written, and run where
there is no network. The access token is read from HF_TOKEN by the hub's own library; no sentence repeats it.
"""

import glob
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from huggingface_hub import DatasetInfo, HfApi, ModelInfo, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ibft.runtime.errors import UserError
from ibft.store.manifests import sha256

Kind = Literal["model", "dataset"]
_PREFETCH = "run `snakemake prefetch` on a machine that reaches the hub"


@dataclass(frozen=True)
class Recorded:
    """The hub's record of one file.

    Attributes:
        size: in bytes.
        sha256: of the content, for files in the hub's large file storage.
        blob_id: git's id of the content, for all other files: SHA-1 of `blob SIZE`, a NUL and the content.
    """

    size: int
    sha256: str | None
    blob_id: str | None


@dataclass(frozen=True)
class Pin:
    """A commit of a repository, and its files by their path in it."""

    commit: str
    files: dict[str, Recorded]


def pin(kind: Kind, name: str, revision: str | None) -> Pin:
    """Ask the hub which commit `revision` of `name` is (null: of the main branch).

    Raises:
        UserError: the hub is out of reach, or has no such repository or revision for this account.
    """
    ask: dict[Kind, Callable[..., ModelInfo | DatasetInfo]] = {
        "model": HfApi().model_info,
        "dataset": HfApi().dataset_info,
    }
    try:
        info = ask[kind](name, revision=revision, files_metadata=True)
    except Exception as error:
        raise refusal(kind, name, revision, error) from None
    recorded = {
        file.rfilename: Recorded(file.size or 0, file.lfs.sha256 if file.lfs else None, file.blob_id)
        for file in info.siblings or ()
    }
    return Pin(str(info.sha), recorded)


def fetch(kind: Kind, name: str, pinned: Pin, files: Sequence[str], folder: Path | None = None) -> Path:
    """Bring `files` of a repository to `folder` (None: into the hub's cache) and return where they lie.

    Files that an earlier, broken download has finished are kept. Each is compared with the hub's record.

    Raises:
        UserError: the hub is out of reach, or a file is not the one that the hub records.
    """
    if not files:
        return folder or Path()
    wanted = [glob.escape(file) for file in files]
    try:
        place = Path(
            snapshot_download(name, repo_type=kind, revision=pinned.commit, local_dir=folder, allow_patterns=wanted)
        )
    except Exception as error:
        raise refusal(kind, name, pinned.commit, error) from None
    for file in files:
        _compare(place / file, pinned.files[file], f"{name} at {pinned.commit}")
    return place


def _compare(file: Path, recorded: Recorded, where: str) -> None:
    if recorded.sha256:
        kind, expected, found = "SHA-256", recorded.sha256, sha256(file)
    elif recorded.blob_id:
        kind, expected, found = "git id", recorded.blob_id, _blob_id(file)
    else:
        raise UserError(
            f"the hub records no checksum of {file.name} of {where}: fetch it by hand and use a path: source"
        )
    if found != expected:
        file.resolve().unlink()  # the hub's cache holds links to contents
        file.unlink(missing_ok=True)
        raise UserError(
            f"{file} is not what the hub records for {where} ({kind} {expected}): it was deleted; run the same command "
            "again, which fetches it anew"
        )


def _blob_id(file: Path) -> str:
    digest = hashlib.sha1(b"blob %d\0" % file.stat().st_size, usedforsecurity=False)
    with file.open("rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def refusal(kind: Kind, name: str, revision: str | None, error: Exception) -> Exception:
    """Return the sentence for what the hub's library raised; what is no refusal of the hub is given back as it is."""
    what, page = _called(kind, name), _page(kind, name)
    if isinstance(error, GatedRepoError):
        return gated(kind, name)
    if isinstance(error, RevisionNotFoundError):
        return UserError(f"{what} has no revision {revision!r}: take a commit from {page}/commits/main")
    if isinstance(error, RepositoryNotFoundError):
        return absent(kind, name)
    if isinstance(error, OfflineModeIsEnabled):
        return UserError(f"{what} is not here and HF_HUB_OFFLINE is set: {_PREFETCH}")
    if isinstance(error, HfHubHTTPError | LocalEntryNotFoundError | OSError) or _of_the_network(error):
        return UserError(f"{what} (revision {revision}) cannot be fetched ({_first_line(error)}): {_PREFETCH}")
    return error


def gated(kind: Kind, name: str) -> UserError:
    return UserError(
        f"{_called(kind, name)} is gated: accept its licence at {_page(kind, name)}, then set the environment variable "
        "HF_TOKEN to an access token of the account that did"
    )


def absent(kind: Kind, name: str) -> UserError:
    return UserError(
        f"{_called(kind, name)} was not found: check `source`, and if it is private set the environment variable "
        "HF_TOKEN"
    )


def _called(kind: Kind, name: str) -> str:
    return f"hub {'data set' if kind == 'dataset' else 'model'} {name}"


def _page(kind: Kind, name: str) -> str:
    return f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"


def _of_the_network(error: Exception) -> bool:
    """Return true if the HTTP client that the hub's library uses, httpx or its successor, could not reach the hub."""
    return type(error).__module__.split(".")[0].startswith("httpx")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
