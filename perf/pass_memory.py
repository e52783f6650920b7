"""Count what fits on a GPU beside the paper's models, and what a pass of the size that `auto` chooses takes of it.

    python perf/pass_memory.py        # the table of docs/gpus.md, in minutes, on the meta device: without a GPU

`auto` chooses by src/ibft/models/pass_memory.py.
"""

import argparse
from collections.abc import Iterator

from measuring.pass_memory import STAGES, bytes_of_weights, peak_bytes, tokens_chosen
from measuring.shapes import SHAPES

CARDS_GB = (24, 40, 80)
OF_CUDA = 0.5e9  # bytes that CUDA takes for itself on a card, about
GIB = 2**30


def table() -> Iterator[str]:
    yield "| model, its weights | stage | " + " | ".join(f"{card} GB" for card in CARDS_GB) + " |"
    yield "|---|---|" + "--:|" * len(CARDS_GB)
    for name, shape in SHAPES.items():
        weights = bytes_of_weights(shape)
        for stage in STAGES:
            cells = []
            for card in CARDS_GB:
                free = card * 1e9 - OF_CUDA - weights
                tokens = tokens_chosen(shape, stage, free)
                peak = peak_bytes(shape, stage, tokens)
                cells.append(f"{tokens:,}, {peak / free:.0%}" if peak <= free else "does not fit")
            yield f"| {name}, {weights / GIB:.1f} GiB | {stage} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    for line in table():
        print(line, flush=True)
