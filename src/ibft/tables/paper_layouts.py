"""Layouts list the paper's tables and their columns, and tell which of them a configuration can fill."""

from collections.abc import Collection
from dataclasses import dataclass

from ibft.config.config import Config
from ibft.labels import labels_of

TEMPERATURE = 0.2  # "the default choice is T = 0.2" (Section 5.2)
COLUMNS = [(1, 1), (5, 1), (10, 1), (10, 2), (10, 5), (10, 10)]  # k and m of a benchmark's columns


@dataclass(frozen=True)
class Layout:
    """One of the paper's tables lists methods under their model, and Pass@k and Pass@10^(m) per benchmark.

    Attributes:
        base_is_model: the row of the base model is called by the model's name; else the name heads its rows.
        spreads: whether numbers are printed with their spread.
    """

    name: str
    dataset: str
    benchmarks: tuple[str, ...]
    base_is_model: bool
    spreads: bool

    @property
    def columns(self) -> list[tuple[str, int, int]]:
        return [(benchmark, k, m) for benchmark in self.benchmarks for k, m in COLUMNS]


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("table_1", "OriGen", ("Eval-Human", "Eval-Machine"), base_is_model=True, spreads=True),
        Layout("table_A1", "Evol-CodeAlpaca-V1", ("HumanEval",), base_is_model=False, spreads=False),
    )
}


def fillable(config: Config, cells: Collection[tuple[str, str, float]]) -> list[str]:
    """List the tables that (dataset, benchmark, temperature) `cells` of `config` can fill, by label and k."""
    labels = labels_of(config)
    tested = {
        (labels.dataset(dataset), labels.benchmark(benchmark))
        for dataset, benchmark, temperature in cells
        if temperature == TEMPERATURE
    }
    if not {k for k, _ in COLUMNS} <= {*config.metrics.k, config.metrics.pass_at_k_m.k}:
        return []
    return [
        name
        for name, layout in LAYOUTS.items()
        if tested >= {(layout.dataset, benchmark) for benchmark in layout.benchmarks}
    ]
