"""Tables, figures and the report share names, order, notation, and the choice of rows that are compared.

It stands on the ground floor: it reads the configuration and frames, and imports nothing that computes.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import NamedTuple

import pandas as pd
from pydantic import Field

from ibft.config.config import Config
from ibft.config.section import Section
from ibft.config.sections import Benchmark, Method, Metrics, Model, headline_pairs
from ibft.selection import criteria
from ibft.selection.criteria import CRITERIA
from ibft.visible import visible

_SECTIONS = ("models", "datasets", "methods", "benchmarks")
Kind = str  # base, ft, ibft, imported, or FT on a selection: `ibft.selection.criteria.kind_of`

_METHOD_LABELS: dict[Kind, str] = {  # in the order of the paper's Table 1
    "base": "Base",
    "ft": "FT",
    **{criteria.kind_of(name): criterion.label for name, criterion in reversed(CRITERIA.items())},
    "noise": "FT w/ noise",
    "rms": "FT w/ RMS",
    "ibft": "IB-FT",
    "adapter": "Adapter",
}
_RAISED = str.maketrans("0123456789()", "⁰¹²³⁴⁵⁶⁷⁸⁹⁽⁾")

Grid = list[tuple[int, int]]  # (k, m) of Pass@k^(m), in the order in which they are shown


class Labels(Section):
    """Each config name has a label, safe to print; things are listed in the order of each mapping.

    Names that are not mentioned are shown as they are, after the ones that are.
    """

    models: dict[str, str] = Field(default_factory=dict)
    datasets: dict[str, str] = Field(default_factory=dict)
    methods: dict[str, str] = Field(default_factory=dict)
    benchmarks: dict[str, str] = Field(default_factory=dict)
    kinds: dict[str, Kind] = Field(default_factory=dict, description="of methods: decides their colours")
    removed: dict[str, float] = Field(
        default_factory=dict, description="share of the examples that FT on all, or on a selection, leaves out"
    )
    equal_updates: tuple[str, ...] = Field(
        (), description="methods that FT on a selection for as many updates as FT on all examples takes"
    )
    bottlenecks: dict[str, dict[str, float]] = Field(
        default_factory=dict, description="alpha, beta, layer and bottleneck of the methods that are IB-FT"
    )
    swept: tuple[str, ...] = Field((), description="methods that are a point of a sweep: not in the comparison")

    def model(self, name: str) -> str:
        return self.models.get(name, name)

    def dataset(self, name: str) -> str:
        return self.datasets.get(name, name)

    def method(self, name: str) -> str:
        return self.methods.get(name, name)

    def benchmark(self, name: str) -> str:
        return self.benchmarks.get(name, name)


def labels_of(config: Config) -> Labels:
    """Return the labels of `config`; without one, a method is called after what it does, anything else by its name.

    Methods are in the paper's order, imported samples after them, then sweeps; the rest is in the order in which the
    experiments list it.
    """
    kinds: dict[str, Kind] = {name: kind_of(method) for name, method in config.methods.items()}
    kinds |= dict.fromkeys(config.imported_samples, "imported")
    swept = [name for name, method in config.methods.items() if method.sweep]
    order = [*_METHOD_LABELS, "imported"]
    kinds = dict(sorted(kinds.items(), key=lambda item: (item[0] in swept, order.index(item[1]), item[0])))
    methods = {name: config.methods[name] for name in kinds if name in config.methods}
    labels = _method_labels(methods, kinds) | {name: own.label or name for name, own in config.imported_samples.items()}
    return Labels(
        models={name: visible(_label(config.models, name)) for name in config.in_use("models")},
        datasets={name: visible(dataset.label or name) for name, dataset in config.datasets.items()},
        methods={name: visible(labels[name]) for name in kinds},
        benchmarks={name: visible(_label(config.benchmarks, name)) for name in config.in_use("benchmarks")},
        kinds=kinds,
        removed={
            name: round(1 - method.selection.keep_fraction, 6) if method.selection else 0.0
            for name, method in methods.items()
            if method.kind == "ft"
        },
        equal_updates=tuple(
            name
            for name, method in methods.items()
            if method.selection and method.training.get("updates") == "all-examples"
        ),
        bottlenecks={
            name: {key: float(getattr(method, key)) for key in ("alpha", "beta", "layer", "bottleneck")}
            for name, method in methods.items()
            if method.kind == "ibft" and method.objective == "paper"
        },
        swept=tuple(name for name in kinds if name in swept),
    )


def ambiguous_labels(config: Config) -> Iterator[str]:
    """Yield one sentence for each pair of results that tables could not tell apart, as names have the same label."""
    labels = labels_of(config)
    found: dict[tuple[str, ...], tuple[str, ...]] = {}
    for names in _evaluated(config):
        model, dataset, method, benchmark = names
        shown = (labels.model(model), labels.dataset(dataset), labels.method(method), labels.benchmark(benchmark))
        first = found.setdefault(shown, names)
        for section, own, other, label in zip(_SECTIONS, names, first, shown, strict=True):
            if own != other:
                key = "imported_samples" if section == "methods" and own in config.imported_samples else section
                yield f"{key}.{own}.label: {label!r} already stands for {other!r}, of which one would not be shown"
                break


def _evaluated(config: Config) -> Iterator[tuple[str, ...]]:
    """Yield (model, dataset, method, benchmark) of everything that is evaluated, once each."""
    every = [
        (variant.model, variant.dataset, variant.method, benchmark)
        for variant in config.variants()
        for benchmark in config.experiment_of(variant.model, variant.dataset).benchmarks
    ]
    every += [(own.model, own.dataset, name, own.benchmark) for name, own in config.imported_samples.items()]
    yield from dict.fromkeys(every)


def kind_of(method: Method) -> Kind:
    if method.kind == "ft" and method.selection:
        return criteria.kind_of(method.selection.by)
    return method.kind


def in_order(names: list[str], labels: dict[str, str]) -> list[str]:
    """Sort `names` in the order of `labels`; names without a label come last, in their own order."""
    known = list(labels)
    return sorted(set(names), key=lambda name: (known.index(name) if name in labels else len(known), name))


def _label(entries: Mapping[str, Model] | Mapping[str, Benchmark], name: str) -> str:
    """Return the label of `name`; an imported sample's model need not be an entry, and is then called by its name."""
    return (entries[name].label if name in entries else None) or name


def _method_labels(methods: dict[str, Method], kinds: dict[str, Kind]) -> dict[str, str]:
    """Two methods of one kind (say, two alphas) would share a default label: then their names are shown instead."""
    of_kind = Counter(kinds[name] for name, method in methods.items() if not method.sweep)
    return {
        name: method.label or (_METHOD_LABELS[kinds[name]] if of_kind[kinds[name]] == 1 and not method.sweep else name)
        for name, method in methods.items()
    }


def plain(k: int, m: int) -> str:
    """Write Pass@10 or Pass@10^(5) as plain text."""
    return f"Pass@{k}" if m == 1 else f"Pass@{k}^({m})"


def raised(k: int, m: int) -> str:
    """Write the same with real superscripts, for running text."""
    return f"Pass@{k}" if m == 1 else f"Pass@{k}{f'({m})'.translate(_RAISED)}"


def mathtext(k: int, m: int) -> str:
    """Write the same for the math mode of matplotlib and LaTeX."""
    return f"Pass@{k}" if m == 1 else f"Pass@${k}^{{({m})}}$"


def headline_grid(settings: Metrics) -> Grid:
    """Return the metrics that tables and tests are about: Pass@k for every k, then Pass@k^(m) for every strict m."""
    return headline_pairs(settings)


def rows_at(metrics: pd.DataFrame, grid: Grid) -> pd.DataFrame:
    """Keep the rows whose (k, m) is in `grid`."""
    return metrics[pd.MultiIndex.from_frame(metrics[["k", "m"]]).isin(grid)]


def seeds_note(metrics: pd.DataFrame) -> str:
    """Say with how many seeds the methods in rows of METRICS or HEADLINE were trained; a base model has one."""
    seeds = int(metrics["seeds"].max())
    return (
        f"{seeds} training seeds" if seeds > 1 else "one training seed, so that checkpoints are compared, not methods"
    )


def units(metrics: pd.DataFrame) -> str:
    """Say what the standard errors and intervals of METRICS or HEADLINE are over."""
    return "problems and training seeds" if int(metrics["seeds"].max()) > 1 else "problems"


class Place(NamedTuple):
    """Methods are compared with one another within a place: one model, fine-tuned on one dataset, on one benchmark."""

    model: str
    dataset: str
    benchmark: str


def by_place(frame: pd.DataFrame, labels: Labels) -> list[tuple[Place, pd.DataFrame]]:
    """Split a frame with these three columns by place, in the order of `labels`: dataset, model, benchmark."""
    parts = []
    for dataset in in_order(list(frame["dataset"]), labels.datasets):
        of_dataset = frame[frame["dataset"] == dataset]
        for model in in_order(list(of_dataset["model"]), labels.models):
            of_model = of_dataset[of_dataset["model"] == model]
            for benchmark in in_order(list(of_model["benchmark"]), labels.benchmarks):
                parts.append((Place(model, dataset, benchmark), of_model[of_model["benchmark"] == benchmark]))
    return parts


def compared(frame: pd.DataFrame, labels: Labels) -> pd.DataFrame:
    """Keep the rows of the methods that tables and figures compare; the points of a sweep have a figure of their own.

    Where a model was fine-tuned on a dataset in nothing but a sweep, all rows stay.
    """
    swept = frame["method"].isin(labels.swept)
    nothing_else = swept.groupby([frame["model"], frame["dataset"]]).transform("all")
    return frame[~swept | nothing_else]


def lowest_temperature(frame: pd.DataFrame) -> pd.DataFrame:
    """Keep the rows at the lowest temperature of each dataset, at which figures and sentences compare methods."""
    lowest = frame.groupby("dataset")["temperature"].transform("min")
    return frame[frame["temperature"] == lowest]
