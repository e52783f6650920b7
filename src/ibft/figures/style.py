"""All figures share size, fonts, the colour and marker of each method, panels, and reproducible files.

The colours are those of Okabe and Ito, which stay apart for colour-blind readers; markers and hatches repeat the
distinction for print. A method looks the same in every figure of a run.
"""

import functools
import io
import textwrap
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import cycle
from math import ceil
from pathlib import Path
from typing import Any, ParamSpec

import matplotlib
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from ibft.labels import Kind, Labels, Place, by_place, compared, in_order, units
from ibft.runtime.errors import UserError
from ibft.selection.criteria import CRITERIA, kind_of
from ibft.store.manifests import write_output
from ibft.visible import visible

Arguments = ParamSpec("Arguments")

GREY = "#6b7280"
PANEL_WIDTH, PANEL_HEIGHT = 4.6, 3.1  # inches
_COLUMNS = 2
_LETTERS_PER_INCH, _SMALL_LETTERS_PER_INCH = 12, 14  # of 9 and 8 points
_LETTERS = 48  # of a label
_HANDLE_INCHES = 0.6  # of an entry of a legend, with the space round it
_DPI = 200
_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.axisbelow": True,
    "axes.grid": True,
    "axes.grid.axis": "y",
    "grid.color": "#e5e7eb",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "hatch.linewidth": 0.6,
    "svg.hashsalt": "ibft",
    "svg.fonttype": "path",
    "figure.constrained_layout.use": True,
}


@dataclass(frozen=True)
class Look:
    """A method is drawn with this colour, marker and hatch."""

    colour: str
    marker: str
    hatch: str = ""


_LOOKS: dict[Kind, Look] = {
    "base": Look("#8c8c8c", "o", ".."),
    "ft": Look("#0072b2", "s"),
    **{kind_of(name): Look(*criterion.look) for name, criterion in CRITERIA.items()},
    "ibft": Look("#d55e00", "P"),
    "noise": Look("#b8860b", "d", "xx"),
    "rms": Look("#661100", "H", ".."),
    "adapter": Look("#117733", "X", "++"),
    "imported": Look("#332288", "*", "//"),
}
_FURTHER_LOOKS = (
    Look("#e69f00", "X", "--"),
    Look("#000000", "<", "++"),
    Look("#882255", ">", "||"),
    Look("#999933", "p", "oo"),
    Look("#44aa99", "h", "**"),
)


def looks(labels: Labels, names: Iterable[str] = ()) -> dict[str, Look]:
    """Give a look to every method of `labels`, and to further `names`.

    The first method of a kind looks as that kind does everywhere; a second one (say, another alpha) takes the next
    further look. Methods of one label, which are of different datasets, share a look.
    """
    own = dict(_LOOKS)  # that no method has taken yet
    further = cycle(_FURTHER_LOOKS)
    by_label: dict[str, Look] = {}
    found: dict[str, Look] = {}
    for name in dict.fromkeys([*labels.methods, *sorted(names)]):
        kind, label = labels.kinds.get(name), labels.method(name)
        if label not in by_label:
            by_label[label] = own.pop(kind) if kind in own else next(further)
        found[name] = by_label[label]
    return found


def look_of(kind: Kind) -> Look:
    return _LOOKS[kind]


def literal(text: str) -> str:
    """Escape `text` so that matplotlib draws it as it is: a dollar begins no formula, legends leave out no _x."""
    escaped = visible(text).replace("$", r"\$")
    return f" {escaped}" if escaped.startswith("_") else escaped


def shortened(label: str) -> str:
    """Cut a label so that it leaves room for what it labels."""
    return label if len(label) <= _LETTERS else f"{label[: _LETTERS - 1]}…"


def drawn_literally(labels: Labels) -> Labels:
    """Escape and shorten `labels` for figures."""
    kinds = {kind: getattr(labels, kind) for kind in ("models", "datasets", "methods", "benchmarks")}
    return labels.model_copy(
        update={kind: {name: literal(shortened(label)) for name, label in own.items()} for kind, own in kinds.items()}
    )


def styled(draw: Callable[Arguments, Figure]) -> Callable[Arguments, Figure]:
    """Draw with the style of this project, whatever the style outside."""

    @functools.wraps(draw)
    def drawn(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure:
        with matplotlib.rc_context(_RC):
            return draw(*args, **kwargs)

    return drawn


def save(figure: Figure, png: Path, svg: Path, **facts: Any) -> None:
    """Write `figure` to both files, and `facts` to their manifests; equal figures give equal bytes."""
    with matplotlib.rc_context(_RC):
        for path, metadata in ((png, {"Software": None}), (svg, {"Date": None, "Creator": "ibft"})):
            content = io.BytesIO()
            figure.savefig(content, format=path.suffix[1:], dpi=_DPI, metadata=metadata)
            write_output(path, content.getvalue(), **facts)


def panel_grid(
    count: int, width: float = PANEL_WIDTH, height: float = PANEL_HEIGHT, columns: int = _COLUMNS
) -> tuple[Figure, list[Axes]]:
    """Make a figure of `count` panels, at most `columns` side by side, on a white ground."""
    columns = min(count, columns)
    rows = ceil(count / columns)
    figure = Figure(figsize=(width * columns, height * rows + 0.5), facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False).ravel().tolist()
    for unused in axes[count:]:
        figure.delaxes(unused)
    return figure, axes[:count]


def panels(frame: pd.DataFrame, labels: Labels) -> list[tuple[str, pd.DataFrame]]:
    """Split a frame by model, dataset and benchmark, in the order of `labels`, each with the title of its panel.

    The points of a sweep are left out.

    Raises:
        UserError: the frame is empty.
    """
    if frame.empty:
        raise UserError("there is nothing to draw: the metrics hold no row")
    return [(panel_title(place, labels), rows) for place, rows in by_place(compared(frame, labels), labels)]


def panel_title(place: Place, labels: Labels) -> str:
    return f"{labels.benchmark(place.benchmark)}\n{labels.model(place.model)} on {labels.dataset(place.dataset)}"


def by_method(frame: pd.DataFrame, labels: Labels) -> Iterator[tuple[str, pd.DataFrame]]:
    for name in in_order(list(frame["method"]), labels.methods):
        yield name, frame[frame["method"] == name]


def percent_axis(axes: Axes, label: str) -> None:
    """The y axis shows fractions as percent, from 0."""
    axes.set_ylabel(label)
    axes.yaxis.set_major_formatter(PercentFormatter(xmax=1, decimals=0))
    axes.set_ylim(0, max(axes.get_ylim()[1], 0.02))


def size_note(frame: pd.DataFrame) -> str:
    """Tell how much data a panel of METRICS rests on."""
    first, seeds = frame.iloc[0], frame["seeds"].max()
    trained = f"{seeds} training seed{'s' if seeds > 1 else ''}"
    return f"{first['problems']} problems × {frame['n'].min()} samples, {trained}, T = {first['temperature']:g}"


def interval_note(mark: str, metrics: pd.DataFrame) -> str:
    """Say what the marks of intervals show, such as whiskers or bands."""
    return f"{mark}: 95% interval over {units(metrics)}."


def legend_below(figure: Figure, axes: Iterable[Axes], note: str = "", columns: int = 6) -> None:
    """Put one legend under all panels, each label once, headed by `note` on how to read the marks."""
    handles: dict[str, Artist] = {}
    for each in axes:
        for handle, label in zip(*each.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    width = figure.get_figwidth()
    entry_width = _HANDLE_INCHES + max(map(len, handles), default=0) / _LETTERS_PER_INCH
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=max(1, min(len(handles), columns, int(width / entry_width))),
        title=textwrap.fill(note, int(width * _SMALL_LETTERS_PER_INCH)) or None,
        title_fontproperties={"size": 8},
    )


def titled(axes: Axes, title: str, note: str = "") -> None:
    """Set a bold title, and below it, smaller and grey, `note` on what the panel rests on."""
    axes.set_title(title + "\n" * (note.count("\n") + 1 if note else 0))
    if note:
        axes.annotate(note, (0, 1), (0, 4), "axes fraction", "offset points", color=GREY, fontsize=8)
