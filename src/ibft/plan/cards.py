"""Find the GPU of this machine by its name, among those whose rates are known."""

import subprocess

from ibft.plan.assumptions import CARDS

_QUERY = ("nvidia-smi", "--query-gpu=name", "--format=csv,noheader")


def card_here() -> str | None:
    """Return the name in `CARDS` of the first GPU of this machine; None without one that is known."""
    try:
        answer = subprocess.run(_QUERY, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return None
    return known_card(answer.stdout.partition("\n")[0])


def known_card(name: str) -> str | None:
    """Return the longest name in `CARDS` whose words all occur in `name`, such as NVIDIA A100-SXM4-80GB."""
    words = set(name.replace("-", " ").split())
    fitting = [card for card in CARDS if set(card.split()) <= words]
    return max(fitting, key=len, default=None)
