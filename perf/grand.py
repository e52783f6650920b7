"""GraNd and EL2N here against plain autograd: one forward and one backward pass per example.

python perf/grand.py --model results/models/smollm2-135m --examples results/examples/rtl.parquet

Same model, same adapter, same examples, one process; prints seconds, tokens per second, peak memory, the largest
relative difference between the norms, and the floor: forward and backward operations over the machine's measured rate
on matrix products. Adapter gradients are small beside them and not counted.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from measuring.cost import Cost, forward_flops, matmul_rate, measured, print_comparison
from torch.nn.functional import cross_entropy, one_hot
from transformers import PreTrainedModel

from ibft.config.sections import LoRA, Training
from ibft.gradients.grand import Encoder
from ibft.gradients.lora_gradients import example_gradients
from ibft.gradients.warm_up import fresh_adapter, warm_up
from ibft.models.batching import length_batches
from ibft.models.encoding import EncodedExample
from ibft.models.loading import load_model, use_threads
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store.parquet import read_table
from ibft.store.schemas import EXAMPLES


def main(arguments: argparse.Namespace) -> None:
    use_threads(arguments.threads)
    examples = read_table(arguments.examples, EXAMPLES).head(arguments.number)
    model, tokenizer = load_model(arguments.model, None, arguments.precision)
    texts = list(Encoder(examples, tokenizer, "chat", arguments.max_length).learnable(range(len(examples))).values())
    costs: dict[str, list[Cost]] = {"batched (ibft)": [], "one example at a time": []}
    with fresh_adapter(model, LoRA(), seed=0):
        warm_up(
            model, [texts[:4]], Training(micro_batch_tokens=arguments.batch_tokens, packing=False)
        )  # B is no longer zero
        for _ in range(arguments.repeats):
            found, cost = measured(lambda: ours(model, texts, arguments.batch_tokens), model.device)
            costs["batched (ibft)"].append(cost)
            expected, cost = measured(lambda: plain_autograd(model, texts), model.device)
            costs["one example at a time"].append(cost)

    lengths = [len(text) for text in texts]
    flops = 2 * forward_flops(model, lengths, head_tokens=sum(text.response_tokens for text in texts))
    print(f"{len(texts)} examples, {sum(lengths)} tokens, {arguments.precision} on {model.device}")
    print_comparison(costs, sum(lengths), flops / matmul_rate(model, arguments.batch_tokens))
    print(f"largest relative difference: {np.abs(found / expected - 1).max():.1e}")


def ours(model: PreTrainedModel, texts: Sequence[EncodedExample], batch_tokens: int) -> np.ndarray:
    """(gradient norm, EL2N) of each example."""
    scores = np.zeros((len(texts), 2))
    for batch in length_batches([len(text) for text in texts], batch_tokens):
        scores[batch] = torch.stack(example_gradients(model, [texts[index] for index in batch], "mean"), dim=1)
    return scores


def plain_autograd(model: PreTrainedModel, texts: Sequence[EncodedExample]) -> np.ndarray:
    """(gradient norm, EL2N) of each example, from parameter gradients and the full logits of the response."""
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    scores = []
    for text in texts:
        ids = torch.tensor(text.ids.tolist(), device=model.device)
        logits = model(ids[None], logits_to_keep=len(ids) - text.first_loss + 1).logits[0, :-1].float()
        targets = ids[text.first_loss :]
        gradients = torch.autograd.grad(cross_entropy(logits, targets), parameters)
        norm = torch.stack(torch._foreach_norm(gradients)).double().norm()
        error = logits.detach().softmax(-1) - one_hot(targets, logits.shape[-1])
        scores.append([norm.item(), error.norm(dim=-1).mean().item()])
    return np.array(scores)


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--model", type=Path, default=Path("results/models/smollm2-135m"))
    arguments.add_argument("--examples", type=Path, default=Path("results/examples/rtl.parquet"))
    arguments.add_argument("--number", type=int, default=32, help="of examples")
    arguments.add_argument("--max-length", type=int, default=512, help="tokens per example; longer ones are cut")
    arguments.add_argument("--batch-tokens", type=int, default=512, help="caches of a CPU like few, a GPU many")
    arguments.add_argument("--precision", default="float32")
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--repeats", type=int, default=2, help="of either way, in turns; the faster run counts")
    return arguments


if __name__ == "__main__":
    run_stage(main, parser())
