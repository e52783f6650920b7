"""Resident memory of Min-K% scoring over a dataset of the paper's size: 222,075 made-up examples, a tiny random model.

python perf/scoring_memory.py --figure docs/images/scoring_memory.png

Runs the scoring script as the workflow does and samples its resident memory; draws it over the examples scored.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
from matplotlib.figure import Figure
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from ibft.figures.style import panel_grid, styled, titled
from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.journal import journal_path
from ibft.store.manifests import write_manifest
from ibft.store.parquet import table_writer
from ibft.store.schemas import EXAMPLES

SCRIPT = Path(__file__).resolve().parents[1] / "workflow" / "scripts" / "score_memorization.py"
WORDS = [
    "input",
    "output",
    "wire",
    "reg",
    "assign",
    "always",
    "begin",
    "end",
    "if",
    "else",
    "case",
    "posedge",
    "clk",
    "reset",
    "data",
    "valid",
    "ready",
    "state",
]
ROWS_AT_ONCE = 10_000
SECONDS_BETWEEN_SAMPLES = 0.5


def main(arguments: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_model(folder / "model")
        with table_writer(folder / "examples.parquet", EXAMPLES) as table:
            for frame in made_up_examples(arguments.number):
                table.append(frame)
        samples = watched_scoring(folder)
    scoring = samples[(samples["examples"] > 0) & (samples["mib"] > 0)]
    print(f"{arguments.number} examples in {samples['seconds'].max():.0f} s")
    print(f"resident memory: {scoring['mib'].iloc[0]:.0f} MiB with the first examples scored,", end=" ")
    print(f"{samples['mib'].max():.0f} MiB at most")
    if arguments.figure:
        draw(scoring, arguments.number).savefig(arguments.figure, dpi=150)


def made_up_examples(total: int) -> Iterator[pd.DataFrame]:
    """Table EXAMPLES in frames: instructions and responses of random length, 30 to 300 characters together."""
    random = np.random.default_rng(0)
    for start in range(0, total, ROWS_AT_ONCE):
        numbers = range(start, min(start + ROWS_AT_ONCE, total))
        texts = [" ".join(random.choice(WORDS, size)) for size in random.integers(2, 24, 2 * len(numbers))]
        yield pd.DataFrame(
            {
                "example_id": [f"e{number:06d}" for number in numbers],
                "instruction": texts[::2],
                "response": texts[1::2],
                "language": "verilog",
                "source": "made up",
            }
        )


def make_model(folder: Path) -> None:
    """A one-layer random Llama that reads bytes."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Tokenizer(models.BPE(vocab={character: index for index, character in enumerate(alphabet)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=backend).save_pretrained(folder)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    LlamaForCausalLM(LlamaConfig(vocab_size=len(alphabet), **size)).save_pretrained(folder)
    write_manifest(folder)


def watched_scoring(folder: Path) -> pd.DataFrame:
    """Score `folder`'s examples with its model; (seconds, examples scored, resident MiB) twice a second.

    Raises:
        UserError: the script failed.
    """
    output = folder / "scores.parquet"
    options = ["--model", folder / "model", "--examples", folder / "examples.parquet", "--output", output]
    settings = ["--job", '{"scoring": {"batch_tokens": 16384}}', "--log", folder / "log"]
    started = time.monotonic()
    process = psutil.Popen([sys.executable, str(SCRIPT), *map(str, [*options, *settings])])
    samples, examples, read = [], 0, 0
    while process.poll() is None:
        time.sleep(SECONDS_BETWEEN_SAMPLES)
        if journal_path(output).exists():
            with journal_path(output).open("rb") as journal:
                journal.seek(read)
                news = journal.read()
            read += len(news)
            examples += news.count(b'"position"')
        try:
            samples.append((time.monotonic() - started, examples, process.memory_info().rss / 2**20))
        except psutil.NoSuchProcess:
            break
    if process.wait() != 0:
        raise UserError(f"scoring failed:\n{(folder / 'log').read_text()}")
    return pd.DataFrame(samples, columns=["seconds", "examples", "mib"])


@styled
def draw(samples: pd.DataFrame, total: int) -> Figure:
    figure, (axes,) = panel_grid(1, width=6.2, height=3.2)
    axes.plot(samples["examples"], samples["mib"], color="#0072b2")
    axes.set(xlabel="Examples scored", ylabel="Resident memory (MiB)")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    axes.set_ylim(bottom=0)
    note = f"{total:,} examples; at most {samples['mib'].max():.0f} MiB, model and libraries included"
    titled(axes, "Min-K% scoring: memory does not grow with the dataset", note)
    return figure


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--number", type=int, default=222_075, help="of examples")
    arguments.add_argument("--figure", type=Path, help="PNG to write")
    return arguments


if __name__ == "__main__":
    run_stage(main, parser())
