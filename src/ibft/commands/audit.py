"""`ibft audit`: how much of this data does this model already know, and what follows for fine-tuning on it?

    ibft audit --model smollm2-135m --data rows.json --language python
    ibft audit --model ./my-model --data "data/*.jsonl" --language verilog --benchmark rtl-mini --reference new.jsonl

Every example is scored (loss, zlib, Min-K% Prob, Min-K%++), as plain text and in the prompt that it would be trained
with, and compared with a reference: examples of the same kind that the model cannot have seen, such as code that is
newer than the model. Without --reference, Python is compared with generated functions and Verilog with generated
circuits, which nobody has seen, but which may be harder to predict; everything else with prose about people who do not
exist, which ranks examples and tells nothing of their share. From the same scores follows how much of each response the
model continues verbatim. A named benchmark is looked for in the data.

It writes a configuration (audit.yaml), runs it, and ends with one HTML page that recommends what to train on and says
how sure that is. The same command goes on where it was stopped.
"""

import argparse
from pathlib import Path

from ibft.commands.init import write_checked
from ibft.commands.resume import become_snakemake
from ibft.commands.run import options_of
from ibft.commands.starter import Source, benchmark_lines, benchmark_of, data_of, model_of, quoted, reference_in
from ibft.config.sections import Dataset
from ibft.data.datasets import read_dataset
from ibft.memorization.known import SMALLEST_REFERENCE
from ibft.runtime.errors import UserError

_COMPARED = 100  # examples of the reference
_INFLUENCE = """\
audit: {{influence: true}}
held_out: {{fraction: 0.1}}
gradients: {{initialisations: 1, warmup_steps: 5, batch_tokens: 256}}
training: {{max_length: {max_length}, learning_rate: 1.0e-3, lora: {{rank: 32, alpha: 32, dropout: 0.0}}}}
"""
_ANY_BENCHMARK = "humaneval"  # which experiments need one of; it is not looked for unless it is asked for


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "audit",
        help="how much of this data does this model already know?",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--model", required=True, help="folder, hub:OWNER/NAME, or smollm2-135m")
    parser.add_argument("--data", required=True, help="file, folder, glob, or hub:OWNER/NAME, as for ibft init")
    parser.add_argument("--language", required=True, help="of the answers: python, verilog, english, ...")
    of_benchmark = "humaneval, rtl-mini, a file or a folder; may be given again"
    parser.add_argument("--benchmark", action="append", default=[], help=of_benchmark)
    parser.add_argument("--reference", help="data of the same kind that the model cannot have seen")
    parser.add_argument("--examples", type=int, default=200, help="drawn at random (default: 200; 0 takes all)")
    parser.add_argument("--max-length", type=int, default=256, help="tokens of an example (default: 256)")
    parser.add_argument(
        "--influence", action="store_true", help="also how each example pulls on held-out ones (a gradient of each)"
    )
    parser.add_argument("--layers", type=int, help="depth of a hub: model, which is not fetched for it")
    parser.add_argument("--profile", default="chat", help="of the training prompt (default: chat); ibft: raw text")
    parser.add_argument("--output", type=Path, default=Path("audit"), help="results folder (default: audit)")
    parser.add_argument("--cores", default="all", help="processor cores to use (default: all)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Write the configuration where it is not what it was, then become Snakemake.

    Raises:
        UserError: an option is not what it must be.
    """
    text = configuration(arguments)
    path = arguments.output.with_name(f"{arguments.output.name}.yaml")
    if path.exists() and path.read_text() != text:
        raise UserError(f"{path} is of another audit: name another --output, or remove it")
    if not path.exists():
        write_checked(path, text)
    print(f"configuration: {path}")
    become_snakemake(options_of([str(path), "audit", "--cores", arguments.cores, "--quiet", "rules", "host"]))


def configuration(arguments: argparse.Namespace) -> str:
    """Write the configuration of an audit."""
    model = model_of(arguments.model, arguments.layers)
    data = data_of(arguments.data, arguments.language)
    asked = arguments.reference
    reference = data_of(asked, data.language) if asked else reference_in(data.language, data)
    if reference.name == data.name:
        raise UserError(f"--reference and --data are both called {data.name}: rename one of the files")
    benchmarks = [benchmark_of(text) for text in dict.fromkeys(arguments.benchmark)]
    kept, compared = (at_most(count, source) for count, source in ((arguments.examples, data), (_COMPARED, reference)))
    return f"""\
# Written by `ibft audit`: what it runs is the target `audit` of this configuration.
results: {quoted(str(arguments.output))}
models:
  {model.name}: {{source: {quoted(model.source)}, layers: {model.layers}}}
datasets:
  {data.name}: {{source: {quoted(data.source)}, language: {quoted(data.language)}, examples: {kept}}}
  {reference.name}: {{source: {quoted(reference.source)}, language: {quoted(reference.language)}, examples: {compared}}}
benchmarks:
{benchmark_lines(benchmarks) or f"  {_ANY_BENCHMARK}: {{source: builtin:{_ANY_BENCHMARK}, language: python}}"}
methods:
  base: {{kind: base}}
experiments:
  audit:
    models: [{model.name}]
    dataset: {data.name}
    benchmarks: [{", ".join(b.name for b in benchmarks) or _ANY_BENCHMARK}]
    methods: [base]
    profile: {arguments.profile}
memorization:
  k: [20]
  max_length: {arguments.max_length}
  batch_tokens: 512
  reference: {reference.name}
compute: {{threads: 2}}
{_INFLUENCE.format(max_length=arguments.max_length) if arguments.influence else ""}"""


def at_most(count: int, source: Source) -> str:
    """Return `examples` of a dataset: so many, or null where it has no more, or 0 asks for all.

    Raises:
        UserError: a file has too few to be compared.
    """
    if source.source.startswith("path:"):
        held = len(read_dataset(Dataset(source=source.source, language=source.language)).examples)
        if held < SMALLEST_REFERENCE:
            raise UserError(
                f"{source.source} holds {held} usable examples; an audit compares {SMALLEST_REFERENCE} or more"
            )
        count = 0 if held <= count else count
    return str(count) if count else "null"
