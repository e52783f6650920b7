"""Examples that are never trained on, so that settings can be chosen without a benchmark: whole families of them.

Examples of one `source` are a family: a generator's kind of design, or, of data that knows no families, one example.
What is held back is then no variation of what is trained on.
"""

import logging
from collections.abc import Mapping, Sequence

from ibft.config.sections import HeldOut
from ibft.data.builtin.draw import shuffled, stream
from ibft.runtime.errors import UserError

logger = logging.getLogger(__name__)


def held_out_families(families: Mapping[str, int], settings: HeldOut, seed: int) -> set[str]:
    """Draw families until they hold `settings.fraction` of the examples, or `settings.examples` if that is fewer.

    Args:
        families: how many examples each has.

    Raises:
        UserError: nothing would be left to train on.
    """
    total = sum(families.values())
    wanted = max(1, round(min(settings.fraction * total, settings.examples)))
    drawn: set[str] = set()
    held = 0
    for family in shuffled(sorted(families), stream("held-out", seed)):
        if held >= wanted:
            break
        drawn.add(family)
        held += families[family]
    if len(drawn) == len(families):
        raise UserError(
            f"held_out.fraction: {settings.fraction:g} of {total} examples in {len(families)} families "
            "leaves none to train on: lower it, or set it to 0"
        )
    logger.info("held out %d of %d examples, %d of %d families", held, total, len(drawn), len(families))
    return drawn


def count_families(sources: Sequence[str], families: dict[str, int]) -> None:
    """Add the examples of these `sources` to the count of each family."""
    for source in sources:
        families[source] = families.get(source, 0) + 1
