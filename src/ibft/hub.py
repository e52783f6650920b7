"""The Hugging Face hub: which commit a repository's revision is now, what its files must hash to, and its refusals.

Only the stages that prepare models and data sets come here; all others work on what those have written, and run where
there is no network. The access token is read from HF_TOKEN by the hub's own library; no sentence repeats it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from huggingface_hub import DatasetInfo, HfApi, ModelInfo
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from ibft.errors import UserError

Kind = Literal["model", "dataset"]
_PREFETCH = "run `snakemake prefetch` on a machine that reaches the hub"


@dataclass(frozen=True)
class Pin:
    """A commit of a repository, its files, and the SHA-256 of those that the hub records one for."""

    commit: str
    files: tuple[str, ...]
    sha256: dict[str, str]


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
    files = info.siblings or ()
    recorded = {file.rfilename: file.lfs.sha256 for file in files if file.lfs}
    return Pin(str(info.sha), tuple(file.rfilename for file in files), recorded)


def refusal(kind: Kind, name: str, revision: str | None, error: Exception) -> Exception:
    """The sentence for what the hub's library raised; what is no refusal of the hub is given back as it is."""
    what = f"hub {'data set' if kind == 'dataset' else 'model'} {name}"
    page = f"https://huggingface.co/{'datasets/' if kind == 'dataset' else ''}{name}"
    if isinstance(error, GatedRepoError):
        return UserError(
            f"{what} is gated: accept its licence at {page}, then set the environment variable HF_TOKEN to an access "
            "token of the account that did"
        )
    if isinstance(error, RevisionNotFoundError):
        return UserError(f"{what} has no revision {revision!r}: take a commit from {page}/commits/main")
    if isinstance(error, RepositoryNotFoundError):
        return UserError(
            f"{what} was not found: check `source`, and if it is private set the environment variable HF_TOKEN"
        )
    if isinstance(error, OfflineModeIsEnabled):
        return UserError(f"{what} is not here and HF_HUB_OFFLINE is set: {_PREFETCH}")
    if isinstance(error, HfHubHTTPError | LocalEntryNotFoundError | OSError) or _of_the_network(error):
        return UserError(f"{what} (revision {revision}) cannot be fetched ({_first_line(error)}): {_PREFETCH}")
    return error


def _of_the_network(error: Exception) -> bool:
    """Whether the HTTP client that the hub's library uses, httpx or its successor, could not reach the hub."""
    return type(error).__module__.split(".")[0].startswith("httpx")


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".partition("\n")[0]
