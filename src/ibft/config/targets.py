"""Tables and figures by name."""

from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from ibft.config.section import Name, Section, Temperature
from ibft.figures.catalogue import CATALOGUE

if TYPE_CHECKING:
    Figure = str
else:
    Figure = Literal[tuple(CATALOGUE)]


ALL = "all"  # the target that shows the whole run

# A target is a rule of its own, and these are the workflow's.
RULES = (
    ALL,
    "all_figures",
    "all_memorization",
    "all_metrics",
    "all_references",
    "all_samples",
    "all_synthesis",
    "all_tables",
    "all_training",
    "all_verdicts",
    "audit",
    "compute_metrics",
    "count_passes",
    "detect_members",
    "draw_figure",
    "drop_contaminated",
    "estimate_barrier",
    "execute",
    "expose_model",
    "gather_scores",
    "hold_out",
    "import_samples",
    "measure_contamination",
    "measure_geometry",
    "measure_influence",
    "measure_nll",
    "measure_references",
    "prefetch",
    "prepare_adapter",
    "prepare_benchmark",
    "prepare_dataset",
    "prepare_model",
    "relate_gradients",
    "score_gradients",
    "score_memorization",
    "select_examples",
    "synthesize",
    "trace_tokens",
    "train",
    "write_audit",
    "write_paper_table",
    "write_report",
    "write_tables",
)
SAMPLE_PREFIX = "sample_"  # before an experiment's name
TOGETHER_PREFIX = "train_together_"  # before a number
RULE_PREFIXES = (SAMPLE_PREFIX, TOGETHER_PREFIX)


class Target(Section):
    """A table or figures of a part of the run, made by name: `snakemake fig4`. A filter that is left out keeps all.

    `methods` may name methods that no experiment runs; they are then run for this target alone.
    """

    table: bool = Field(False, description="the headline table")
    figures: tuple[Figure, ...] = ()
    experiments: tuple[Name, ...] | None = None
    models: tuple[Name, ...] | None = None
    benchmarks: tuple[Name, ...] | None = None
    methods: tuple[Name, ...] | None = None
    temperatures: tuple[Temperature, ...] | None = None

    @model_validator(mode="after")
    def _shows_something(self) -> Self:
        if not self.table and not self.figures:
            raise ValueError("a target shows a table (`table: true`), `figures`, or both")
        return self


WHOLE_RUN = Target(table=True, figures=tuple(CATALOGUE))

PAPER_TARGETS = {
    "table1": Target(table=True),
    "tableA1": Target(table=True),
    "fig1": Target(figures=("radar",)),
    "fig2": Target(figures=("pass_at_k", "pass_at_k_m")),
    "fig3": Target(figures=("memorization",)),
    "fig4": Target(figures=("removal_ratio",)),
    "fig5": Target(figures=("geometry",)),
    "fig6": Target(figures=("temperature",)),
    "figA1": Target(figures=("removal_ratio",)),
    "search": Target(figures=("held_out_search",)),
}
