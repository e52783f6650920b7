"""Min-K%(++) scoring here against the published way: one text at a time, with the whole log-softmax.

python perf/scoring.py --model results/models/smollm2-135m --examples results/examples/rtl.parquet

Same model, same texts, one process; prints seconds, tokens per second, peak memory, the largest difference between the
scores, and the floor: the operations of the forward pass over the machine's measured rate on matrix products.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from measuring.cost import Cost, forward_flops, matmul_rate, measured, print_comparison
from transformers import PreTrainedModel

from ibft.config.sections import Scoring
from ibft.memorization.scoring import score, scores
from ibft.models.encoding import EncodedExample, encode_plain
from ibft.models.loading import load_model, use_threads
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.journal import Journal
from ibft.store.parquet import read_table
from ibft.store.schemas import EXAMPLES

K = 20


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    examples = read_table(arguments.examples, EXAMPLES).head(arguments.number)
    model, tokenizer = load_model(arguments.model, None, arguments.precision)
    settings = Scoring(k=(K,), batch_tokens=arguments.batch_tokens)
    texts = encode_plain(tokenizer, examples["instruction"], examples["response"], settings.max_length)

    def ours() -> np.ndarray:
        with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal", "") as journal:
            score(model, tokenizer, [examples], settings, journal, total=len(examples))
            return pd.concat(scores(journal, settings.k))[["min_k_prob", "min_k_plus_plus"]].to_numpy()

    costs: dict[str, list[Cost]] = {"batched (ibft)": [], "one text at a time": []}
    published(model, texts[:2])
    for _ in range(arguments.repeats):
        found, cost = measured(ours, model.device)
        costs["batched (ibft)"].append(cost)
        expected, cost = measured(lambda: published(model, texts), model.device)
        costs["one text at a time"].append(cost)

    lengths = [len(text) for text in texts]
    flops = forward_flops(model, lengths, head_tokens=sum(lengths) - len(lengths))
    print(f"{len(texts)} texts, {sum(lengths)} tokens, {arguments.precision} on {model.device}")
    print_comparison(costs, sum(lengths), flops / matmul_rate(model, arguments.batch_tokens))
    print(f"largest difference of a score: {np.abs(found - expected).max():.1e}")


@torch.no_grad()
def published(model: PreTrainedModel, texts: list[EncodedExample]) -> np.ndarray:
    """(Min-K% Prob, Min-K%++) of each text, written like the two papers' released loops."""
    scores = []
    for text in texts:
        ids = torch.tensor(text.ids[None].tolist(), device=model.device)
        log_probs = model(ids).logits[0, :-1].float().log_softmax(-1)
        token = log_probs.gather(1, ids[0, 1:, None])[:, 0]
        probs = log_probs.exp()
        mean = (probs * log_probs).sum(-1)
        std = ((probs * log_probs.square()).sum(-1) - mean.square()).sqrt()
        size = max(1, len(token) * K // 100)
        scores.append([-values.cpu().sort()[0][:size].mean().item() for values in (token, (token - mean) / std)])
    return np.array(scores)


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--model", type=Path, default=Path("results/models/smollm2-135m"))
    arguments.add_argument("--examples", type=Path, default=Path("results/examples/rtl.parquet"))
    arguments.add_argument("--number", type=int, default=64, help="of examples")
    arguments.add_argument("--batch-tokens", type=int, default=512, help="caches of a CPU like few, a GPU many")
    arguments.add_argument("--precision", default="float32")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--repeats", type=int, default=2, help="of either way, in turns; the faster run counts")
    return arguments


if __name__ == "__main__":
    run_stage(main, parser())
