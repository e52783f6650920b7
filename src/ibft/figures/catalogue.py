"""The catalogue lists every figure: title, caption, the tables it is drawn from, and its needs of a configuration.

A new figure needs an entry here, its module `ibft.figures.NAME` and a test. Rules, the report and the names that a
configuration may give follow from the entries, which stand in the order of the report.

The module defines `draw`. Its parameters are the `inputs` of the entry and, where it wants them, `labels`, `settings`
(the section that the entry names) and `subject` (of a figure of one model on one dataset). It is imported by name when
the figure is drawn, so that an edit of it redraws this figure alone: nothing here imports it, or matplotlib.
"""

from dataclasses import dataclass
from typing import Literal

Input = Literal[
    "metrics",  # METRICS of the run or target
    "pass_counts",  # PASS_COUNTS of the run or target, without the problems that could not be judged
    "verdicts",  # VERDICTS of the same runs, one after another
    "scores",  # MEMORIZATION by group: p0, p1-seedS of each training seed, p2, p3
    "deciles",  # GRADIENT_DECILES
    "correlations",  # GRADIENT_CORRELATIONS
    "logs",  # TRAINING_LOG by method and seed
    "watched",  # the same of methods that add something to CE, where steps are watched
    "held_out",  # HELD_OUT by method and seed
    "searched",  # HELD_OUT by variant, of the run or target
    "pairs",  # GEOMETRY by method and seed
    "detection",  # DETECTION of the section `barrier`, and so are the next three
    "roc",
    "arms",
    "estimands",
]
OF_BARRIER: tuple[Input, ...] = ("detection", "roc", "arms", "estimands")


@dataclass(frozen=True)
class Need:
    """Not every run or target fulfils this condition; the remedy is to be written into the configuration."""

    condition: Literal["several_temperatures", "swept_selection", "swept_bottleneck", "searched", "barrier"]
    remedy: str


SEVERAL_TEMPERATURES = Need("several_temperatures", "several `sampling.temperatures`")
SWEPT_SELECTION = Need(
    "swept_selection", "a method whose `selection.keep_fraction` is a list, among the methods of an experiment"
)
SWEPT_BOTTLENECK = Need(
    "swept_bottleneck",
    "an IB-FT method with a list for alpha, beta, layer or bottleneck, among the methods of an experiment",
)
BARRIER = Need("barrier", "the section `barrier`, as config/barrier.yaml has it")


SEARCHED = Need(
    "searched",
    "an IB-FT method with a list for alpha, beta, layer or bottleneck, among the methods of an experiment, or a "
    "`held_out.fraction` above 0",
)


@dataclass(frozen=True)
class Entry:
    """A figure of one model on one dataset is drawn where its tables exist, one of the run where its needs are met."""

    title: str
    caption: str
    inputs: tuple[Input, ...]
    settings: Literal["metrics", "memorization", "barrier"] | None = (
        None  # the section of the configuration that `draw` reads
    )
    shows: Literal["run", "model_on_dataset"] = "run"  # "run" is the whole run or a target
    needs: Need | None = None


CATALOGUE: dict[str, Entry] = {
    "barrier": Entry(
        "Is there a memorization barrier?",
        "Two bases differ only in which examples they were shown, so it is known who is a member. Left: the share of "
        "members that a score of memorization tells, over the share of others that it takes for members. Middle: what "
        "each way of fine-tuning reaches on examples that neither base has seen. Right: the barrier, and what each "
        "method changes from either base. A method that helps both bases alike breaks no barrier.",
        inputs=OF_BARRIER,
        settings="barrier",
        needs=BARRIER,
    ),
    "pass_at_k": Entry(
        "At least one of k samples is correct",
        "Pass@k is the chance that at least one of k sampled programs passes all tests. Bars are means over problems "
        "and training seeds; whiskers are 95% intervals over the same. Methods whose whiskers overlap widely are not "
        "clearly different: see the table of paired comparisons, which is the sharper test.",
        inputs=("metrics",),
        settings="metrics",
    ),
    "pass_at_k_m": Entry(
        "At least m of k samples are correct",
        "Pass@k^(m) counts a problem as solved only if at least m of k samples pass. A method that is right by luck "
        "falls off from left to right; one that is reliably right stays high.",
        inputs=("metrics",),
        settings="metrics",
    ),
    "pass_at_k_m_curve": Entry(
        "How fast success fades as more samples must be correct",
        "Pass@k^(m) for every m. At m = 1 this is Pass@k; at m = k all samples must pass. The flatter the line, the "
        "more consistent the method.",
        inputs=("metrics",),
        settings="metrics",
    ),
    "radar": Entry(
        "All k of k samples are correct, at a glance",
        "One spoke per benchmark and k; the value is the share of problems on which all of k samples pass. A larger "
        "area is better. Read exact values and their uncertainty off the table.",
        inputs=("metrics",),
        settings="metrics",
    ),
    "temperature": Entry(
        "Reliability when sampling gets wilder",
        "Pass@k^(k) over the sampling temperature. A line that stays high is robust to randomness in sampling.",
        inputs=("metrics",),
        settings="metrics",
        needs=SEVERAL_TEMPERATURES,
    ),
    "removal_ratio": Entry(
        "Does it help to leave memorized examples out?",
        "Pass@k after plain fine-tuning (FT) on what is left of the data, over the share that was removed: the most "
        "memorized examples (Min-K%), those with the smallest gradients (GraNd), or random ones, the control. A "
        "criterion is worth its cost only where its line lies above the random one. What is left is shown as often, so "
        "that fewer examples also mean fewer updates; dotted lines, where there are any, take as many updates as FT on "
        "all data (updates: all-examples), and tell the loss of examples from shorter training. Dashed: methods that "
        "use all data.",
        inputs=("metrics",),
        settings="metrics",
        needs=SWEPT_SELECTION,
    ),
    "sensitivity": Entry(
        "How much does IB-FT depend on its settings?",
        "Pass@k after IB-FT with several strengths of the regularizer (alpha) and weights of prediction in it (beta),"
        " or with the bottleneck at several layers and of several widths. Numbers are percent. Above each map: what "
        "the base model and plain fine-tuning (FT) reach. A flat map means that the settings need no search; "
        "differences smaller than the whiskers of the other figures mean nothing.",
        inputs=("metrics",),
        settings="metrics",
        needs=SWEPT_BOTTLENECK,
    ),
    "held_out_search": Entry(
        "Which settings of IB-FT to take",
        "Negative log-likelihood of held-out examples after IB-FT with several settings, in nats per response token, "
        "lower is better. The framed cell is the lowest: take that one. No benchmark has a say, so that the benchmarks "
        "stay a fair test. Above each map: the base model and plain fine-tuning (FT). Where cells differ by less than "
        "0.01, another seed may well frame another one.",
        inputs=("searched",),
        needs=SEARCHED,
    ),
    "pass_heatmap": Entry(
        "Which problems are solved, and how reliably",
        "Each cell is the share of one problem's samples that passed. Columns run from the hardest to the easiest "
        "problem. Middling colours are problems that are solved by luck.",
        inputs=("pass_counts",),
    ),
    "status_composition": Entry(
        "How samples fail",
        "What became of all samples of a method: the share that passed, and of the others the reason.",
        inputs=("pass_counts", "verdicts"),
    ),
    "memorization": Entry(
        "Was the fine-tuning data known before fine-tuning?",
        "Min-K% Prob is the mean negative log-likelihood of the k% least likely tokens of an example: the lower, the "
        "more memorized. p0 (base model) left of p2 (prose that no model can have seen) alone is no evidence: code is "
        "more predictable than prose. p0 left of p3 (data of the same domain that no model can have seen, where the "
        "configuration names some) is. An AUROC of 0.5 means that the data looks no more familiar than the reference. "
        "p1 left of p0 shows what fine-tuning has memorized.",
        inputs=("scores",),
        settings="memorization",
        shows="model_on_dataset",
    ),
    "gradient_imbalance": Entry(
        "Do memorized examples still teach?",
        "Mean gradient norm of the LoRA parameters per decile of memorization. Low bars on the left mean that "
        "memorized examples barely move the model. Both quantities depend on an example's length: the rank "
        "correlation at equal length, above the plot, says what is left of the effect without it.",
        inputs=("deciles", "correlations"),
        settings="memorization",
        shows="model_on_dataset",
    ),
    "training_curves": Entry(
        "Training",
        "Loss terms over the optimizer steps. IB-FT adds the compression term KL and the prediction through the "
        "bottleneck, CE_IB, to the cross-entropy.",
        inputs=("logs",),
        shows="model_on_dataset",
    ),
    "regimes": Entry(
        "What the bottleneck does",
        "Four questions about IB-FT and its controls. Does z still depend on h? At a KL near 0 it does not: the "
        "encoder has collapsed. Does z predict? Only below the dashed line of token frequencies does it know more than "
        "which tokens are common. Does all this move LoRA? Below 2% of its gradient the bottleneck is inert, and IB-FT "
        "is FT. And whereto? A cosine below -0.3 at a large share means that it fights the cross-entropy.",
        inputs=("watched",),
        shows="model_on_dataset",
    ),
    "held_out": Entry(
        "What fine-tuning teaches beyond its own examples",
        "Negative log-likelihood of examples that were held out of the fine-tuning data, whole families at a time, "
        "over the optimizer steps. Step 0 is the base model. A curve that turns upwards tells of overfitting; methods "
        "are to be compared at their last step, and settings chosen there.",
        inputs=("held_out",),
        shows="model_on_dataset",
    ),
    "geometry": Entry(
        "How differently a model treats memorized and unmemorized examples",
        "Distances and angles between hidden states of pairs of a most and a least memorized example. Further left "
        "means that the two groups are represented more alike. Dashed lines are medians.",
        inputs=("pairs",),
        shows="model_on_dataset",
    ),
}
