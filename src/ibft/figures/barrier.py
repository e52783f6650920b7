"""Three panels of the experiment with known membership: who can be told, what arms reach, and what that amounts to."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ibft.barrier.detection import SCORES
from ibft.barrier.estimands import BEFORE
from ibft.config.barrier import Barrier
from ibft.figures.style import GREY, legend_below, panel_grid, styled, titled
from ibft.labels import Labels, in_order

_SCORE_COLOURS = dict(zip(SCORES, ("#000000", "#e69f00", "#0072b2", "#009e73"), strict=True))
_BASE_LOOKS = {"exposed": ("#d55e00", "o", -0.14), "control": ("#0072b2", "s", 0.14), "both": ("#1f2937", "D", 0.0)}
_BASE_LABELS = {
    "exposed": "from the base that was shown the members",
    "control": "from its twin",
    "both": "difference of the two",
}


@styled
def draw(
    detection: pd.DataFrame,
    roc: pd.DataFrame,
    arms: pd.DataFrame,
    estimands: pd.DataFrame,
    labels: Labels,
    settings: Barrier,
) -> Figure:
    """Draw DETECTION and ROC of the exposed model, and ARMS and ESTIMANDS on the primary held-out dataset."""
    [measured_on] = estimands.loc[estimands["primary"], "measured_on"]
    arms, estimands = (frame[frame["measured_on"] == measured_on] for frame in (arms, estimands))
    names = list(_arms(arms, labels, settings))
    figure, (first, second, third) = panel_grid(3, width=5.0, height=1.6 + 0.42 * max(5, len(names)), columns=3)
    _draw_roc(first, roc[roc["model"] == settings.exposed], detection[detection["model"] == settings.exposed])
    _draw_arms(second, arms, names, labels, settings)
    second.set_xlabel(f"NLL on {labels.dataset(measured_on)} (nats per token)    ← better")
    _draw_estimands(third, estimands, names, labels, settings)
    legend_below(figure, [second, third], _note(estimands), columns=3)
    return figure


def _draw_roc(axes: Axes, roc: pd.DataFrame, detection: pd.DataFrame) -> None:
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    for (score, calibrated), rows in roc.groupby(["score", "calibrated"], sort=False):
        [auroc] = detection.loc[(detection["score"] == score) & (detection["calibrated"] == calibrated), "auroc"]
        label = f"{SCORES[str(score)]}{' less the twin’s' if calibrated else ''}: {auroc:.2f}"
        style = "--" if calibrated else "-"
        axes.plot(
            rows["false_positives"],
            rows["true_positives"],
            style,
            drawstyle="steps-post",
            color=_SCORE_COLOURS[str(score)],
            label=label,
        )
    axes.legend(loc="lower right", fontsize=7, title="AUROC", title_fontsize=7)
    axes.set_xlabel("False positives: share of others")
    axes.set_ylabel("True positives: share of members")
    first = detection.iloc[0]
    titled(
        axes,
        "Can members be told?",
        f"{first['members']} members, {first['others']} others, {first['exposures']:g} exposures",
    )


def _draw_arms(axes: Axes, arms: pd.DataFrame, names: list[tuple[str, str]], labels: Labels, settings: Barrier) -> None:
    for base, model in (("exposed", settings.exposed), ("control", settings.control)):
        colour, marker, shift = _BASE_LOOKS[base]
        for place, (dataset, method) in enumerate(names):
            values = arms[(arms["model"] == model) & (arms["dataset"] == dataset) & (arms["method"] == method)]["nll"]
            if values.empty:
                continue
            label = _BASE_LABELS[base] if not place else None
            axes.hlines(place + shift, values.min(), values.max(), color=colour, alpha=0.3, linewidth=6)
            axes.plot(values, [place + shift] * len(values), "|", color=colour, markersize=6)
            axes.plot(values.mean(), place + shift, marker, color=colour, label=label, markersize=5)
    _name_rows(axes, [_arm_label(dataset, method, labels, settings) for dataset, method in names])
    titled(axes, "What fine-tuning reaches", "mean; band and ticks: training seeds")


def _draw_estimands(
    axes: Axes, estimands: pd.DataFrame, names: list[tuple[str, str]], labels: Labels, settings: Barrier
) -> None:
    axes.axvline(0, color=GREY, linewidth=0.8)
    rows: list[tuple[str, str, tuple[str, ...]]] = [("barrier", "FT: the barrier", ("both",))]
    for dataset, method in names:
        label = _arm_label(dataset, method, labels, settings)
        of_arm = (estimands["arm_dataset"] == dataset) & (estimands["arm_method"] == method)
        if (of_arm & (estimands["estimand"] == "against FT")).any():
            bases = tuple(base for base in _BASE_LOOKS if (of_arm & (estimands["base"] == base)).any())
            rows.append((f"{dataset}/{method}", f"{label} − FT", bases))
    for place, (key, _, bases) in enumerate(rows):
        for base in bases:
            row = _row(estimands, key, base)
            colour, marker, shift = _BASE_LOOKS[base]
            lengths = np.array([[row["estimate"] - row["low"]], [row["high"] - row["estimate"]]])
            axes.errorbar(
                [row["estimate"]],
                [place + (2 * shift if len(bases) > 1 else 0)],
                xerr=np.nan_to_num(lengths),
                fmt=marker,
                color=colour,
                capsize=2,
                markersize=5,
                elinewidth=1.1,
                label=_BASE_LABELS[base],
            )
    _name_rows(axes, [label for _, label, _ in rows])
    axes.set_xlabel("Difference of NLL (nats per token)    ← better")
    titled(axes, "What that amounts to", "whiskers: 95% interval over examples and training seeds")


def _row(estimands: pd.DataFrame, key: str, base: str) -> pd.Series:
    if key == "barrier":
        return estimands[estimands["estimand"] == "barrier"].iloc[0]
    dataset, method = key.split("/")
    of_arm = (estimands["arm_dataset"] == dataset) & (estimands["arm_method"] == method)
    wanted = "specific" if base == "both" else "against FT"
    return estimands[of_arm & (estimands["estimand"] == wanted) & (estimands["base"] == base)].iloc[0]


def _name_rows(axes: Axes, labels: list[str]) -> None:
    axes.set_yticks(range(len(labels)), labels)
    axes.set_ylim(len(labels) - 0.5, -0.5)
    axes.grid(visible=True, axis="x")
    axes.grid(visible=False, axis="y")


def _arms(arms: pd.DataFrame, labels: Labels, settings: Barrier) -> Iterator[tuple[str, str]]:
    """Yield the arms on members and others in the order of methods, then those on other data, but their bases."""
    datasets = sorted(arms["dataset"].unique(), key=lambda name: (name != settings.dataset, name))
    for dataset in datasets:
        for method in in_order(list(arms.loc[arms["dataset"] == dataset, "method"]), labels.methods):
            if dataset == settings.dataset or method != BEFORE:
                yield dataset, method


def _arm_label(dataset: str, method: str, labels: Labels, settings: Barrier) -> str:
    label = labels.method(method)
    return label if dataset == settings.dataset else f"{label}, {labels.dataset(dataset).lower()}"


def _note(estimands: pd.DataFrame) -> str:
    first = estimands[estimands["estimand"] == "barrier"].iloc[0]
    seeds = f"{first['seeds']} training seeds" if first["seeds"] > 1 else "one training seed"
    return (
        f"{first['examples']} held-out examples, {seeds}, paired. The barrier: FT from the exposed base less FT from "
        "its twin, less the gap before. Diamonds of methods: what is specific to the exposed base."
    )
