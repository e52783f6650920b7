"""FT and IB-FT here against what people would use instead: the released code's way, and TRL's SFTTrainer.

python perf/training.py --model results/models/smollm2-135m --examples code_alpaca_2k.json --records 500

Every way trains LoRA (rank 32, dropout 0.05, all seven projections) on the same tokens of the same records, each in a
process of its own, one after the other:

    ft, ibft          this repository
    released-code     IB-FT as the authors' released code computes it: peft, every example padded to --max-length,
                      logits of all positions from both heads, the states of all layers kept
    trl               FT by TRL's SFTTrainer: batches of like length, no gradient checkpointing, loss on the response
                      only, logits in chunks

`ft` and `trl` run twice: as every job of the workflow runs, which keeps freed memory and lets the faster library
multiply (`ibft.models.allocator`, `ibft.models.products`), and, with `-by-torch` in the name, with the settings that
PyTorch and the C library have by themselves.

The released way takes minutes per step on a CPU, so --baseline-records gives it the first so many of the records.
Prints response tokens per second of wall and of CPU time (the fairer one where others use the machine), the peak memory
of the process, and how they compare.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from datasets import Dataset
from measuring.settings import settings_of_torch
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from trl import SFTConfig, SFTTrainer

from ibft.config.sections import LoRA, Method, Training
from ibft.models.encoding import EncodedExample, encode_with_profile
from ibft.models.loading import load_model, use_threads
from ibft.models.lora import add_lora
from ibft.runtime.stage import run_stage, stage_parser
from ibft.store import parquet
from ibft.store.schemas import EXAMPLES
from ibft.training.checkpoint import Checkpoints
from ibft.training.objective import IGNORED
from ibft.training.recipe import Recipe, Task, fine_tune

Work = Callable[[], object]
Way = Callable[
    [PreTrainedModel, PreTrainedTokenizerBase, pd.DataFrame, Sequence[EncodedExample], argparse.Namespace], Work
]

BATCH, PROFILE, BOTTLENECK, ALPHA, BETA = 4, "chat", 256, 0.1, 0.02


def main(arguments: argparse.Namespace) -> None:
    if arguments.way:
        print(json.dumps(run(arguments.way, arguments)))
        return
    found: dict[str, dict[str, float]] = {}
    for _ in range(arguments.repeats):
        for way in RUNS:
            again = subprocess.run([*sys.orig_argv, "--way", way], check=True, stdout=subprocess.PIPE, text=True)
            cost = json.loads(again.stdout.splitlines()[-1])
            print(f"{way}: {cost}", flush=True)
            if way not in found or cost["cpu_seconds"] < found[way]["cpu_seconds"]:
                found[way] = cost
    print_table(found)


def run(way: str, arguments: argparse.Namespace) -> dict[str, float]:
    """Train in one way and say what it cost; what comes before the first step is not counted."""
    use_threads(arguments.threads)
    records = read_records(arguments.examples, arguments.baseline_records if way in SLOW else arguments.records)
    with settings_of_torch() if way.endswith(BY_TORCH) else nullcontext():
        model, tokenizer = load_model(arguments.model, None, arguments.precision)
    encoded = encode_with_profile(tokenizer, records, PROFILE, arguments.max_length)
    loaded_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    work = WAYS[way.removesuffix(BY_TORCH)](model, tokenizer, records, encoded, arguments)
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return {
        "records": len(encoded),
        "tokens": sum(map(len, encoded)),
        "response_tokens": sum(len(example.response) for example in encoded),
        "steps": -(-len(encoded) // BATCH),
        "seconds": time.perf_counter() - wall,
        "cpu_seconds": time.process_time() - cpu,
        "loaded_mib": loaded_mib,
        "peak_mib": peak_mib(),
    }


def peak_mib() -> float:
    """Return the peak of the GPU's memory, where there is one; else of this process's, the model included."""
    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read_records(path: Path, number: int) -> pd.DataFrame:
    """The first `number` records of an EXAMPLES table, or of a JSON list in Alpaca's form."""
    if path.suffix == ".parquet":
        return parquet.read_table(path, EXAMPLES).head(number)
    records = pd.DataFrame(json.loads(path.read_text())).head(number)
    instruction = (records["instruction"] + "\n" + records["input"]).str.strip()
    return pd.DataFrame({"instruction": instruction, "response": records["output"], "language": "python"})


def ours(kind: str) -> Way:
    def prepare(
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        records: pd.DataFrame,
        _encoded: Sequence[EncodedExample],
        arguments: argparse.Namespace,
    ) -> Work:
        settings = Training(
            epochs=1,
            batch_size=BATCH,
            max_length=arguments.max_length,
            precision=arguments.precision,
            packing=arguments.packing,
            micro_batch_tokens=arguments.micro_batch_tokens,
        )
        method = Method(kind=kind, alpha=ALPHA, beta=BETA, bottleneck=BOTTLENECK, normalize_hidden=True)
        recipe = Recipe(method, two_thirds(model), PROFILE, settings, seed=0)

        def work() -> None:
            with tempfile.TemporaryDirectory() as folder:
                checkpoints = Checkpoints(Path(folder) / "checkpoint.safetensors", every_steps=10**9, key="")
                fine_tune(model, tokenizer, [Task(recipe, records, Path(folder) / "adapter", checkpoints)])

        return work

    return prepare


def two_thirds(model: PreTrainedModel) -> int:
    return round(model.config.num_hidden_layers * 2 / 3)


def released_code(
    model: PreTrainedModel,
    _tokenizer: PreTrainedTokenizerBase,
    _records: pd.DataFrame,
    encoded: Sequence[EncodedExample],
    arguments: argparse.Namespace,
) -> Work:
    """Full padding, full logits of both heads, all hidden states; `--baseline-batch` examples per pass."""
    with_lora = add_lora(model, LoRA()).train()
    width = model.config.hidden_size
    mean, log_variance, decoder = (
        nn.Linear(width, BOTTLENECK),
        nn.Linear(width, BOTTLENECK),
        nn.Linear(BOTTLENECK, width),
    )
    head = nn.ModuleList([mean, log_variance, decoder]).to(model.device)
    trained = [p for p in [*with_lora.parameters(), *head.parameters()] if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=5e-5)
    passes = [encoded[i : i + arguments.baseline_batch] for i in range(0, len(encoded), arguments.baseline_batch)]

    def work() -> None:
        for number, examples in enumerate(passes, start=1):
            tokens_BT, mask_BT, labels_BT = (part.to(model.device) for part in padded(examples, arguments.max_length))
            with torch.autocast(model.device.type, torch.bfloat16, arguments.precision == "bfloat16"):
                out = with_lora(tokens_BT, attention_mask=mask_BT, output_hidden_states=True, use_cache=False)
                hidden_BTD = out.hidden_states[two_thirds(model)]
                mu, log_sigma2 = mean(hidden_BTD), log_variance(hidden_BTD).clamp(-4, 4)
                decoded_BTD = decoder(mu + (0.5 * log_sigma2).exp() * torch.randn_like(mu))
                kl = -0.5 * (1 + log_sigma2 - mu.square() - log_sigma2.exp()).mean()
                ce, ce_ib = (shifted_loss(logits, labels_BT) for logits in (out.logits, model.lm_head(decoded_BTD)))
                loss = ce + ALPHA * (kl + BETA * ce_ib)
            loss.backward()
            if number * arguments.baseline_batch % BATCH == 0 or number == len(passes):
                nn.utils.clip_grad_norm_(trained, 1.0)
                optimizer.step()
                optimizer.zero_grad()

    return work


def padded(examples: Sequence[EncodedExample], length: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Token ids, mask and labels [B, length]."""
    rows = [
        (
            [*e.prompt, *e.response] + [0] * (length - len(e)),
            [1] * len(e) + [0] * (length - len(e)),
            [IGNORED] * len(e.prompt) + list(e.response) + [IGNORED] * (length - len(e)),
        )
        for e in examples
    ]
    tokens_BT, mask_BT, labels_BT = (torch.tensor(part) for part in zip(*rows, strict=True))
    return tokens_BT, mask_BT, labels_BT


def shifted_loss(logits_BTV: torch.Tensor, labels_BT: torch.Tensor) -> torch.Tensor:
    return cross_entropy(logits_BTV[:, :-1].flatten(0, 1), labels_BT[:, 1:].flatten(), ignore_index=IGNORED)


def trl(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    _records: pd.DataFrame,
    encoded: Sequence[EncodedExample],
    arguments: argparse.Namespace,
) -> Work:
    rows = [
        {
            "input_ids": [*example.prompt, *example.response],
            "completion_mask": [0] * len(example.prompt) + [1] * len(example.response),
        }
        for example in encoded
    ]
    settings = SFTConfig(
        output_dir=tempfile.gettempdir(),
        num_train_epochs=1,
        per_device_train_batch_size=BATCH,
        learning_rate=5e-5,
        lr_scheduler_type="cosine",
        max_length=arguments.max_length,
        train_sampling_strategy="group_by_length",
        gradient_checkpointing=False,
        use_cpu=not torch.cuda.is_available(),
        bf16=arguments.precision == "bfloat16",
        dataloader_pin_memory=False,
        report_to="none",
        save_strategy="no",
        disable_tqdm=True,
    )
    add_lora(model, LoRA())
    return SFTTrainer(
        model=model, args=settings, train_dataset=Dataset.from_list(rows), processing_class=tokenizer
    ).train


WAYS: dict[str, Way] = {"ft": ours("ft"), "ibft": ours("ibft"), "trl": trl, "released-code": released_code}
SLOW = ("released-code",)
BY_TORCH = "-by-torch"
RUNS = ("ft", f"ft{BY_TORCH}", "ibft", "trl", f"trl{BY_TORCH}", "released-code")


def print_table(found: dict[str, dict[str, Any]]) -> None:
    for name, cost in found.items():
        cost["wall_rate"] = cost["response_tokens"] / cost["seconds"]
        cost["cpu_rate"] = cost["response_tokens"] / cost["cpu_seconds"]
        print(
            f"{name:16}{cost['records']:6} records {cost['wall_rate']:9.2f} response tokens/s wall "
            f"{cost['cpu_rate']:9.2f} per CPU s {cost['peak_mib']:8.0f} MiB peak, {cost['loaded_mib']:.0f} once loaded"
        )
    for ours_, theirs in (("ibft", "released-code"), ("ft", "trl"), ("ft", "trl-by-torch"), ("ft", "ft-by-torch")):
        for rate in ("wall_rate", "cpu_rate"):
            print(f"{ours_} over {theirs}, {rate}: {found[ours_][rate] / found[theirs][rate]:.2f}")
    for rate in ("wall_rate", "cpu_rate"):
        print(f"ibft step over ft step, {rate}: {found['ft'][rate] / found['ibft'][rate]:.2f} (goal at most 1.15)")
    print(f"memory over released-code: {found['ibft']['peak_mib'] / found['released-code']['peak_mib']:.2f} (goal 0.4)")


def parser() -> argparse.ArgumentParser:
    arguments = stage_parser(__doc__)
    arguments.add_argument("--model", type=Path, default=Path("results/models/smollm2-135m"))
    arguments.add_argument("--examples", type=Path, default=Path("results/examples/rtl.parquet"))
    arguments.add_argument("--records", type=int, default=100, help="for ours and TRL")
    arguments.add_argument("--baseline-records", type=int, default=4, help="for the released code's way")
    arguments.add_argument("--baseline-batch", type=int, default=1, help="examples per pass of the released code's way")
    arguments.add_argument("--max-length", type=int, default=2048)
    arguments.add_argument("--micro-batch-tokens", type=int, default=512)
    arguments.add_argument("--packing", action=argparse.BooleanOptionalAction, default=True)
    arguments.add_argument("--precision", default="float32", choices=["float32", "bfloat16"])
    arguments.add_argument("--threads", type=int, default=1)
    arguments.add_argument("--repeats", type=int, default=1, help="the best of so many runs of each way counts")
    arguments.add_argument("--way", choices=RUNS, help="run one way alone and print what it cost as JSON")
    return arguments


if __name__ == "__main__":
    run_stage(main, parser())
