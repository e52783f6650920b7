"""Upload a folder to a repository of the Hugging Face hub. The access token is read from HF_TOKEN by its library."""

from pathlib import Path

from huggingface_hub import HfApi
from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalTokenNotFoundError, OfflineModeIsEnabled

from ibft.runtime.errors import UserError

_NO_ACCESS = (401, 403)


def check_repository(repository: str) -> None:
    """Raise `UserError` unless this is OWNER/NAME: before anything is written."""
    if len([part for part in repository.split("/") if part]) != 2:
        raise UserError(f"--push {repository}: give OWNER/NAME, a repository of the hub; it is made if it is not there")


def push(folder: Path, repository: str, *, private: bool, message: str) -> str:
    """Upload `folder` to the model repository, which is made if it is not there; return its address.

    Files that are there already with the same content are not sent again.

    Raises:
        UserError: the hub is out of reach or refuses; the folder stays as it is, and the same command tries again.
    """
    api = HfApi()
    try:
        made = api.create_repo(repository, private=private, exist_ok=True)
        api.upload_folder(folder_path=folder, repo_id=repository, commit_message=message)
    except Exception as error:
        raise _refusal(repository, folder, error) from None
    return str(made)


def _refusal(repository: str, folder: Path, error: Exception) -> Exception:
    """Return the sentence for what the hub's library raised; what is no refusal of the hub is given back as it is."""
    again = f"{folder} is written, and the same command uploads it"
    status = error.response.status_code if isinstance(error, HfHubHTTPError) else None
    if status in _NO_ACCESS or isinstance(error, LocalTokenNotFoundError):
        return UserError(
            f"the hub lets nobody with this token write to {repository}: set the environment variable HF_TOKEN to an "
            f"access token of its owner with the role `write`; {again}"
        )
    if isinstance(error, OfflineModeIsEnabled):
        return UserError(f"HF_HUB_OFFLINE is set, so nothing is uploaded to {repository}: unset it; {again}")
    if isinstance(error, HFValidationError):
        return UserError(f"--push {repository}: the hub takes no such name; {again}")
    first = f"{type(error).__name__}: {error}".partition("\n")[0]
    is_network = type(error).__module__.split(".")[0].startswith("httpx")
    if isinstance(error, HfHubHTTPError | OSError) or is_network:
        return UserError(f"{repository} cannot be uploaded to ({first}); {again}")
    return error
