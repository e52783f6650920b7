"""Every section of the configuration, in the order in which config files have them: keys, meaning, valid values."""

import re
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, field_validator, model_validator

from ibft.config.section import (
    LARGEST,
    Few,
    Label,
    Language,
    Name,
    Positive,
    Precision,
    Range,
    Ratio,
    Scope,
    Section,
    Seed,
    Share,
    Temperature,
    Tokens,
    TrainingPrecision,
    or_a_list,
)
from ibft.selection import criteria

REFERENCE = "ft"  # the method that the others are compared with
GENERATORS = ("python-stdlib", "python-functions", "rtl", "fictitious-authors")
BUILTIN_BENCHMARKS = ("humaneval", "rtl-mini")
FORMATS_OF: dict[str, tuple[str, ...]] = {
    "python": ("humaneval", "mbpp"),
    "verilog": ("verilog-eval", "verilog-eval-v2", "rtllm"),
}  # the first by default
FOLDER_FORMATS = ("verilog-eval-v2", "rtllm")  # of these a path: names a folder
Profile = Literal[
    "chat", "reasoning", "ibft", "origen", "vericoder", "rtlcoder", "evalplus-base", "evalplus-chat", "wizardcoder"
]


class Exposure(Section):
    """A base model is shown a dataset before anything is asked of it: LoRA fine-tuning, merged into its weights."""

    dataset: Name = Field(description="a part that is drawn with examples and seed, or with rounds, makes members")
    epochs: float = Field(gt=0, le=10_000, description="how often each of its examples is shown")
    profile: Profile = Field("chat", description="how they are shown; see ibft.prompts")
    seed: Seed = 0
    training: dict[str, Any] = Field({}, description="overrides further keys of that section")


_SENT = {
    *("model", "messages", "prompt", "temperature", "top_p", "stop", "seed", "n", "stream"),
    *("max_tokens", "max_completion_tokens"),
}


class Api(Section):
    """These keys say what a server that speaks OpenAI's API is asked for one draw. A change asks anew."""

    protocol: Literal["chat", "completions"] = Field(
        "chat", description="chat: messages, which the server renders; completions: the prompt that `ibft` renders"
    )
    tokenizer: str | None = Field(
        None,
        pattern=r"^path:.+$",
        description="of completions: path:FOLDER with the model's tokenizer, by which chat templates are rendered and "
        "prompts are sent as tokens; null: prompts are sent as text, which profiles of raw text alone can",
    )
    seeds: bool = Field(True, description="send the seed of each draw; false for servers that refuse one")
    length_key: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="as the server calls sampling.max_new_tokens"
    )
    request: dict[str, Any] = Field({}, description="further keys of each request, such as reasoning_effort")

    @field_validator("request")
    @classmethod
    def _adds_to_what_is_sent(cls, request: dict[str, Any]) -> dict[str, Any]:
        if taken := sorted(_SENT & set(request)):
            raise ValueError(f"{taken[0]} is sent by ibft itself, as `sampling` and `api` say; leave it out")
        return request


def _is_plain_address(address: str) -> str:
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s@?#]*)?", address):
        raise ValueError(
            "write http:// or https://, host and path, such as http://127.0.0.1:8000/v1, without a name, a password, "
            "or anything after a ?: the key comes from the environment"
        )
    return address.rstrip("/")


def _names_a_variable(name: str) -> str:
    if not re.fullmatch(r"[A-Z][A-Z0-9_]*", name):
        raise ValueError("write the name of an environment variable in capitals, such as OPENAI_API_KEY, never the key")
    return name


class Server(Section):
    """These keys say how a server is reached. They change nothing of what is asked, so a change asks nothing anew."""

    base_url: Annotated[str, AfterValidator(_is_plain_address)] = Field(
        description="address below which the API lies, such as https://api.openai.com/v1"
    )
    key_variable: Annotated[str, AfterValidator(_names_a_variable)] | None = Field(
        None, description="environment variable that holds the key; null: the server asks for none"
    )
    concurrency: Few = Field(8, description="requests at a time")
    requests_per_minute: Positive | None = Field(None, description="of one job; null: as fast as answers come")
    tokens_per_minute: Positive | None = Field(
        None, description="of one job, each request counted with its prompt and max_new_tokens; null: any number"
    )
    attempts: Few = Field(8, description="of one request, before the job gives up and keeps what it has")
    backoff_s: float = Field(
        1.0, ge=0, le=3600, description="longest wait before the second attempt; it doubles, up to a minute"
    )
    timeout_s: float = Field(600, gt=0, le=86_400, description="for the whole answer to one request")


class Model(Section):
    """A base model. `layers` is its depth, so that layer indices are checked before anything is downloaded."""

    source: str = Field(
        pattern=r"^(hub|path|wheel|exposed|api):.+$",
        description="hub:OWNER/NAME, path:FOLDER, wheel:PACKAGE, exposed:NAME, another model after its `exposure`, or "
        "api:NAME, a model that a server has under this name: it is sampled, and nothing else",
    )
    exposure: Exposure | None = Field(None, description="of exposed:NAME: what was shown to it, and how often")
    server: Server | None = Field(None, description="of api:NAME: where it is, and how fast it may be asked")
    api: Api = Field(Api(), description="of api:NAME: what is asked")
    revision: str | None = Field(None, description="hub commit")
    layers: int = Field(0, ge=0, le=LARGEST, description="depth; left out for api:NAME alone")
    precision: Precision = Field("float32", description="of the frozen weights while scoring, training and sampling")
    label: Label | None = None

    @property
    def is_remote(self) -> bool:
        """Return true if the model lies behind an API, so that nobody sees its weights."""
        return self.source.startswith("api:")


Shape = Literal["alpaca", "messages", "sharegpt", "prompt-completion", "columns"]


class Dataset(Section):
    """Fine-tuning data: generated here, from the hub, from files of one's own, or a mixture of other datasets."""

    source: str = Field(
        "",
        pattern=r"^((hub|path|generated):.+)?$",
        description="hub:OWNER/NAME, path:FILE, path:FOLDER, path:GLOB or generated:NAME; a mixture has none",
    )
    mixture: dict[Name, Annotated[float, Field(gt=0, le=1_000_000)]] = Field(
        {}, description="weight of each other dataset among the examples of this one"
    )
    parts: dict[Name, "Dataset"] = Field({}, description="filled in: the datasets of the mixture")
    format: Shape | None = Field(
        None, description="null: found by the columns; columns: those that `instruction` and `response` name"
    )
    revision: str | None = None
    subset: str | None = Field(None, description="the hub's configuration name")
    split: str = "train"
    instruction: str = Field("instruction", description="column that holds the instruction")
    response: str = Field("response", description="column that holds the response")
    language: str = Field("", description="of the responses, for prompts and tables; a mixture has those of its parts")
    examples: Positive | None = Field(None, description="how many to keep; null keeps all")
    families: Range | None = Field(
        None, description="of generated:rtl: from, and up to but without, in the generator's order; null: all"
    )
    rounds: Range | None = Field(
        None, description="of generated:rtl: a round has one example of each family; other rounds have other answers"
    )
    longest_response: Positive | None = Field(None, description="of generated data: characters; null: any")
    reference: Name | None = Field(
        None, description="dataset of the same domain that no model can have seen: shown beside it in Figure 3, as p3"
    )
    seed: Seed = Field(0, description="of the generator or of the draw of `examples`")
    label: Label | None = None

    @model_validator(mode="after")
    def _comes_from_somewhere(self) -> Self:
        if bool(self.source) == bool(self.mixture):
            raise ValueError("a dataset has a `source` or a `mixture` of others, and not both")
        if self.source and not self.language:
            raise ValueError("`language` is missing: python, verilog, english, ...")
        return self


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
    """One row of the paper's Table 1, or a control of IB-FT. The keys from objective on are of IB-FT and its controls.

    `noise` is IB-FT with noise of a fixed size on h' in place of KL, `rms` penalizes the size of h, and reads of these
    keys only alpha, layer and kl_scope (docs/objective.md). A list for keep_fraction, alpha, beta, kl_weight,
    noise_scale, layer or bottleneck makes one method per value (see `ibft.config.sweeps`).

    `adapter` is a LoRA adapter that somebody else trained, of one base model: it is judged as it is.
    """

    kind: Literal["base", "ft", "ibft", "noise", "rms", "adapter"]
    adapter: str | None = Field(
        None, pattern=r"^(hub|path):.+$", description="of kind adapter: hub:OWNER/NAME or path:FOLDER"
    )
    revision: str | None = Field(None, description="of kind adapter: hub commit")
    selection: Selection | None = None
    objective: Literal["paper", "released-code", "vib"] = Field(
        "paper",
        description="paper: CE + alpha * (KL + beta * CE_IB). vib: CE + alpha * (CE_IB + kl_weight * KL). "
        "released-code: paper's, KL also over prompt and padding, as docs/adr/0006 tells; ignores kl_scope",
    )
    alpha: float = Field(
        0.1, gt=0, description="strength of what is added to CE (paper eq. IB-FT)", json_schema_extra=or_a_list
    )
    beta: float = Field(
        0.02,
        ge=0,
        description="weight of prediction inside the regularizer (paper eq. 6)",
        json_schema_extra=or_a_list,
    )
    kl_weight: float = Field(
        1e-3, ge=0, description="of objective vib: weight of KL beside CE_IB", json_schema_extra=or_a_list
    )
    noise_scale: float = Field(
        1.0,
        ge=0,
        description="of kind noise: standard deviation of the noise on h', over the root mean square of h'",
        json_schema_extra=or_a_list,
    )
    layer: Positive | Ratio = Field(
        2 / 3, description="l*: an index from 1, or a fraction of the depth", json_schema_extra=or_a_list
    )
    bottleneck: Positive = Field(256, description="width d of z", json_schema_extra=or_a_list)
    kl_scope: Scope = Field(
        "response", description="tokens over which KL, or the size of h, is averaged; never padding"
    )
    kl_reduction: Literal["sum", "mean"] = Field(
        "sum", description="of KL over z's dimensions; the paper's KL is a sum, released-code always takes the mean"
    )
    normalize_hidden: bool = Field(False, description="divide layer-l* states by their RMS before the bottleneck")
    head_warmup_steps: int = Field(
        0, ge=0, le=1_000_000, description="steps before the first, in which the bottleneck's head alone is trained"
    )
    head_learning_rate: float | None = Field(
        None, gt=0, description="peak rate of the bottleneck's head; null: training.learning_rate, as LoRA's"
    )
    clip: Literal["together", "apart"] = Field(
        "together", description="gradients of head and LoRA at training.max_gradient_norm: as one vector, or each alone"
    )
    training: dict[str, Any] = Field({}, description="overrides keys of `training`, and those of the experiment")
    label: Label | None = None
    sweep: Name | None = Field(None, description="filled in: the method whose lists of values this is one of")

    @model_validator(mode="after")
    def _base_is_not_trained(self) -> Self:
        if self.kind == "base" and self.selection:
            raise ValueError("a base model is not trained, so it takes no `selection`")
        return self

    @model_validator(mode="after")
    def _adapter_is_taken_as_it_is(self) -> Self:
        given = sorted(self.model_fields_set - {"kind", "adapter", "revision", "label"})
        if self.kind != "adapter":
            if self.adapter or self.revision:
                raise ValueError("`adapter` and `revision` are keys of `kind: adapter` alone")
        elif not self.adapter:
            raise ValueError("`adapter` is missing: hub:OWNER/NAME or path:FOLDER")
        elif given:
            raise ValueError(f"an adapter is not trained here, so it takes no `{given[0]}`")
        return self

    @model_validator(mode="after")
    def _reads_what_it_is_given(self) -> Self:
        """Refuse a weight that this objective lacks: who sets it expects that it does something."""
        is_vib = self.kind == "ibft" and self.objective == "vib"
        if self.kl_weight != type(self).model_fields["kl_weight"].default and not is_vib:
            raise ValueError("`kl_weight` is a key of `kind: ibft` with `objective: vib` alone; paper has `beta`")
        if self.beta != type(self).model_fields["beta"].default and self.kind == "ibft" and self.objective == "vib":
            raise ValueError("`objective: vib` has no `beta`, the weight of CE_IB; the weight of KL is `kl_weight`")
        if self.noise_scale != type(self).model_fields["noise_scale"].default and self.kind != "noise":
            raise ValueError("`noise_scale` is a key of `kind: noise` alone")
        if self.kl_reduction == "sum" or (self.kind == "ibft" and self.objective != "released-code"):
            return self
        raise ValueError("`kl_reduction` is a key of `kind: ibft` with objective paper or vib alone")

    @property
    def is_trained(self) -> bool:
        """Return true where a model is fine-tuned here, once for each training seed."""
        return self.kind not in ("base", "adapter")

    @property
    def has_head(self) -> bool:
        """Return true where a bottleneck is trained beside LoRA."""
        return self.kind in ("ibft", "noise")


class Experiment(Section):
    """Models, methods and benchmarks on one dataset. `training` and `sampling` override keys of those sections."""

    models: tuple[Name, ...] = Field(min_length=1)
    dataset: Name
    benchmarks: tuple[Name, ...] = Field(min_length=1)
    methods: tuple[Name, ...] = Field(min_length=1)
    profile: Profile = Field("chat", description="how examples and problems become prompts; see ibft.prompts")
    sampled: tuple[Name, ...] | None = Field(None, description="methods whose models are sampled; null: all")
    sampled_seeds: tuple[Seed, ...] | None = Field(
        None,
        description="of training.seeds, those whose models are sampled, scored by Min-K% and measured for geometry; "
        "null: all",
    )
    measured_on: tuple[Name, ...] = Field((), description="datasets on which the NLL of every model is measured")
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
    profile: Profile | Literal["plain"] = Field(
        "plain", description="how an example is shown to be scored; plain: its text alone, without a prompt"
    )
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
    substring: Positive = Field(50, description="tokens that must be shared in one run; any of the three is enough")
    similarity: Ratio = Field(
        0.45, description="Jaccard index of 3-token shingles that makes a part of `covered` tokens a near duplicate"
    )
    drop: bool = Field(False, description="leave such examples out before anything is scored or trained")


class Audit(Section):
    """Evidence of an audit that costs more than forward passes."""

    influence: bool = Field(
        False, description="also measure how examples pull on the loss of the held-out ones, by a gradient of each"
    )


class HeldOut(Section):
    """Examples that are never trained on: settings are chosen by their NLL, and by no benchmark."""

    fraction: float = Field(0.1, ge=0, lt=1, description="of the examples, in whole families where there are; 0: none")
    examples: Positive = Field(256, description="at most about so many")
    points: Few = Field(4, description="evaluations in a training, the last after its last step; one more is before it")


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
    updates: Positive | Literal["all-examples"] | None = Field(
        None,
        description="optimizer steps, in place of epochs; null: by epochs over what a selection leaves; all-examples: "
        "by epochs over all examples, whatever a selection leaves",
    )
    batch_size: Positive = Field(4, description="examples per optimizer step, over all processes")
    optimizer: Literal["adamw", "sgd"] = Field("adamw", description="sgd: without momentum")
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
    precision: TrainingPrecision = Field(
        "float32",
        description="of the forward and backward pass; trained parameters stay float32. No pass is more precise than "
        "the frozen weights: with models.NAME.precision bfloat16, float32 is bfloat16. nf4 is QLoRA: bfloat16 through "
        "frozen weights in 4 bits, on a GPU with bitsandbytes; scores and samples keep models.NAME.precision",
    )
    gradient_checkpointing: bool = False
    watch_every: int = Field(
        0,
        ge=0,
        le=1_000_000,
        description="steps between those in which the log tells what each term of IB-FT does to LoRA, the first and "
        "the last among them; 0: in none",
    )
    seeds: tuple[Seed, ...] = Field((0,), min_length=1)
    lora: LoRA = LoRA()


class Shot(Section):
    """A question with its answer, shown before the question of a problem."""

    instruction: str
    response: str


class Sampling(Section):
    engine: Literal["auto", "transformers", "vllm", "openai"] = Field(
        "auto", description="auto: openai for a model behind an API, else vllm on a GPU, else transformers"
    )
    n: Positive = 10
    temperatures: tuple[Temperature, ...] = Field((0.2,), min_length=1)
    top_p: Ratio = 0.95
    trials: Few = 5
    max_new_tokens: Positive = 1024
    profile: Profile | None = Field(
        None, description="null: that of the experiment, which is the one that is trained with"
    )
    system_prompt: str | None = Field(None, description="said before everything else; null: what the profile says")
    few_shot: tuple[Shot, ...] = Field(
        (), description="questions with answers before each problem, in the profile's form"
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


class Synthesis(Section):
    """Cells and area of the Verilog that passes, by Yosys (the extra `synthesis`). They change no verdict."""

    liberty: str | None = Field(
        None,
        pattern=r"^path:.+$",
        description="path:FILE of the technology's cells; null: a few CMOS gates, whose area is their transistors",
    )
    memory_mb: int = Field(1024, ge=64, le=4096, description="of one design")
    billion_instructions: float = Field(
        50, gt=0, le=1_000_000, description="that one design may take: no seconds, so that machines do not differ"
    )


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
    warm_start: bool = Field(
        True, description="start the jobs of this machine as forks of one process that has imported torch; not on GPUs"
    )
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
    train_together: Few = Field(
        1, description="variants of one base and data set that one job trains, whose tokens pass its weights at once"
    )
    deepspeed: str | None = Field(
        None,
        pattern=r"^(zero2|zero3|path:.+)$",
        description="split training state over the processes: zero2, zero3 or path:FILE, a DeepSpeed JSON",
    )
    tensorboard: bool = Field(
        False, description="also write training curves and metrics as TensorBoard events, to logs/tensorboard"
    )
    wandb: str | None = Field(None, description="also send them to this Weights & Biases project")
    trackio: str | None = Field(None, description="also send them to this trackio project")
    memory_mb: Positive = Field(3000, description="of a job that runs a model; of training, for each process")
    runtime_min: Positive = Field(60, description="of a job that runs a model")
