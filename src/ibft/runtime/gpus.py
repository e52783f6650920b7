"""Give a command GPUs of its own: a lock file per card, and CUDA_VISIBLE_DEVICES before torch is imported.

    python -m ibft.runtime.gpus 1 -- python workflow/scripts/train.py ...

Two workflows on one machine, or one that starts more jobs than there are cards, would otherwise all run on the first.
The command waits until enough cards are free, and takes this process's place: the kernel drops its locks when it ends,
however it ends. Locks are this user's own; they keep nobody else away. A cluster that has given a job its GPUs is
believed.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from ibft.runtime.errors import UserError

ASKED_VARIABLE = "IBFT_GPUS"  # tells the command how many GPUs it must not do without
_VISIBLE = "CUDA_VISIBLE_DEVICES"
_POLL_S = 0.5
_QUERY = ("nvidia-smi", "--query-gpu=index,uuid", "--format=csv,noheader")


def asked_gpus() -> int:
    """Return how many GPUs this process was started to run on; 0 where nothing was said."""
    return int(os.environ.get(ASKED_VARIABLE, "0"))


def take_gpus(count: int) -> dict[str, str]:
    """Wait for `count` free cards and lock them until this process ends; return the environment that shows them alone.

    Raises:
        UserError: this machine, or what CUDA_VISIBLE_DEVICES leaves of it, has fewer cards.
    """
    cards = _visible_cards()
    if len(cards) < count:
        raise UserError(
            f"this job asks for {count} GPU{'s'[: count > 1]} (compute.gpus), and {len(cards)} can be seen here: run "
            "it where nvidia-smi lists more, or set compute.gpus to 0 to run on CPUs"
        )
    asked = {ASKED_VARIABLE: str(count)}
    if "SLURM_JOB_ID" in os.environ and len(cards) == count:
        return asked
    taken = _lock(cards, count)
    while taken is None:
        time.sleep(_POLL_S)
        taken = _lock(cards, count)
    order = {} if _VISIBLE in os.environ else {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}  # in which nvidia-smi counts
    return asked | order | {_VISIBLE: ",".join(taken)}


def _visible_cards() -> dict[str, str]:
    """Map the names by which CUDA knows the cards to names that are theirs alone on this machine."""
    known = _listed_cards()
    if _VISIBLE not in os.environ:
        return known
    named = [name.strip() for name in os.environ[_VISIBLE].split(",")]
    return {name: known.get(name, name) for name in named if name and name != "-1"}


def _listed_cards() -> dict[str, str]:
    """Ask the driver's own tool: UUID by index. Where it is absent or fails, there is no card to be seen."""
    try:
        answer = subprocess.run(_QUERY, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return {}
    rows = (line.split(",") for line in answer.stdout.splitlines() if "," in line)
    return {index.strip(): uuid.strip() for index, uuid in rows}


def _lock(cards: Mapping[str, str], count: int) -> list[str] | None:
    """Lock `count` of `cards` and return their names; lock none and return None where fewer are free."""
    folder = Path(tempfile.gettempdir()) / f"ibft-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    held: dict[str, int] = {}
    for name, identity in cards.items():
        descriptor = os.open(folder / f"{identity.replace('/', '-')}.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            continue
        held[name] = descriptor
        if len(held) == count:
            for each in held.values():
                os.set_inheritable(each, True)  # the command holds them on
            return list(held)
    for each in held.values():
        os.close(each)
    return None


def main(count: str, separator: str, *command: str) -> None:
    """Become `command`, on `count` GPUs."""
    if separator != "--" or not count.isdecimal():
        sys.exit("usage: python -m ibft.runtime.gpus COUNT -- COMMAND ...")
    try:
        environment = take_gpus(int(count))
    except UserError as error:
        sys.exit(str(error))
    os.execvpe(command[0], list(command), {**os.environ, **environment})  # noqa: S606


if __name__ == "__main__":
    main(*sys.argv[1:])
