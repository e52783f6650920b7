"""Count what a pass of the paper's models takes on a GPU, and what fits: on the meta device, so without a GPU.

    python perf/pass_memory.py        # the tables of docs/gpus.md, in a minute

Bytes per token are counted between passes of 1,600 and 4,800 tokens, and stand beside those by which `auto` chooses its
sizes (src/ibft/models/pass_memory.py).
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "src")]
CARDS_GB = (24, 40, 80)
GIB, KIB = 2**30, 2**10


def tables() -> Iterator[str]:
    from measuring.pass_memory import META, STAGES, compared, peak_bytes, weights  # noqa: PLC0415 - torch takes seconds
    from measuring.shapes import SHAPES  # noqa: PLC0415

    from ibft.models.pass_memory import tokens_within  # noqa: PLC0415

    yield "| model | stage | counted, KiB per token | by the formula | counted, GiB of a pass of 4,096 tokens |"
    yield "|---|---|--:|--:|--:|"
    for name, shape in SHAPES.items():
        for stage in STAGES:
            counted, formula = compared(shape, stage)
            peak = peak_bytes(shape, stage, 4096) / GIB
            yield f"| {name} | {stage} | {counted / KIB:,.0f} | {formula / KIB:,.0f} | {peak:.1f} |"
    yield ""
    yield "| model, its weights | stage | " + " | ".join(f"{card} GB" for card in CARDS_GB) + " |"
    yield "|---|---|" + "--:|" * len(CARDS_GB)
    for name, shape in SHAPES.items():
        held = weights(shape)
        for stage in STAGES:
            free = [card * 1e9 - held for card in CARDS_GB]
            model = shape.model(META)
            fits = [f"{tokens_within(rest, model, stage):,}" if rest > 0 else "–" for rest in free]
            yield f"| {name}, {held / GIB:.1f} GiB | {stage} | " + " | ".join(fits) + " |"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for line in tables():
        print(line, flush=True)
