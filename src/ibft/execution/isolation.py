"""Isolation levels, the strongest first, found by starting them.

namespaces   no network, no host files, no other process in sight; each sample in a cell of its own
landlock     where user namespaces are refused: Landlock for files, system-call filter for everything else
rlimits      resource limits only; taken only where the user sets `allow_unsafe`
"""

from ibft.execution import fork_server
from ibft.execution.sandbox.client import ForkServer, LevelRefusedError
from ibft.runtime.errors import UserError

LEVELS = ("namespaces", "landlock", "rlimits")


def start_server(level: str) -> ForkServer:
    """Start a fork server at `level`; raises as `ForkServer` does."""
    return ForkServer(level, fork_server.__name__)


def probe(levels: tuple[str, ...] = LEVELS) -> dict[str, str | None]:
    """For each level, null where it can be had, else why not."""
    found: dict[str, str | None] = {}
    for level in levels:
        try:
            start_server(level).close()
            found[level] = None
        except LevelRefusedError as refusal:
            found[level] = str(refusal)
    return found


def best_level(allow_unsafe: bool) -> str:
    """Return the strongest level that starts here.

    Raises:
        UserError: only level `rlimits` does, and it is not allowed.
    """
    refusals = []
    for level in LEVELS if allow_unsafe else LEVELS[:2]:
        refusal = probe((level,))[level]
        if refusal is None:
            return level
        refusals.append(f"{level}: {refusal}")
    raise UserError(
        f"no safe isolation level can be had on this machine ({'; '.join(refusals)}); allow user namespaces, "
        "or set execution.allow_unsafe: true to run completions with resource limits only"
    )
