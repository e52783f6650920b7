"""Targets show tables, figures and the report; this says which, and of which files they are made."""

from collections.abc import Callable, Iterator
from typing import Any

from ibft.config.targets import ALL
from ibft.figures.catalogue import CATALOGUE, OF_BARRIER, Input, Need
from ibft.graph.files import BASE, Paths
from ibft.graph.jobs import Jobs
from ibft.paths import Variant
from ibft.runtime.errors import UserError
from ibft.selection.criteria import CRITERIA
from ibft.tables.paper_layouts import fillable

# Asked for with the whole run, so that one that was deleted is made again, although the report is there.
METRICS = ("metrics", "comparisons")
TABLES = (
    "findings.md",
    "headline.parquet",
    "headline.csv",
    "paper_comparison.parquet",
    "paper_comparison.csv",
    "paper_comparison.md",
)


class Graph(Jobs):
    """Every job of a configuration, and what lies where in its results."""

    # These return the files that a target shows.

    def shown(self, target: str) -> Paths:
        """Return every table and figure of a target.

        Raises:
            UserError: the configuration lacks what the target shows; the sentence says what.
        """
        if not self.runs(target):
            raise UserError(f"Target {target} shows nothing: targets.{target} keeps no variant of any experiment.")
        tables = self.tables(target) if self.config.target(target).table else []
        return [*(self._of_the_whole_run() if target == ALL else []), *tables, *self.figure_files(target)]

    def tables(self, target: str) -> Paths:
        """Return the tables for readers: the headline, and those of the paper that a target can fill."""
        names = ("headline", *self.filled_layouts(target))
        return [self.results.table(target, f"{name}.{kind}") for name in names for kind in ("md", "tex")]

    def _of_the_whole_run(self) -> Iterator[str]:
        yield self.results.report
        yield from (self.results.metrics(ALL, table) for table in METRICS)
        yield from (self.results.table(ALL, name) for name in TABLES)
        yield from (self.results.nll(v) for v in self.config.variants() if self.measured_on(v.model, v.dataset))

    def filled_layouts(self, target: str) -> list[str]:
        """Name the paper's tables that a target can fill."""
        return fillable(self.config, {(run.dataset, run.benchmark, run.temperature) for run in self.runs(target)})

    def figures(self) -> dict[str, str]:
        """Map FIGURE or FIGURE/MODEL/DATASET to its SVG, for every figure of the whole run, in the report's order."""
        figures = {name: self.results.figure(ALL, name, "svg") for name in self.run_figures()}
        of_pairs = [name for name, entry in CATALOGUE.items() if entry.shows == "model_on_dataset"]
        for model, dataset in self.config.pairs():
            for name in of_pairs:
                if self.pair_figure_inputs(name, model, dataset):
                    figures[f"{name}/{model}/{dataset}"] = self.results.figure(f"{model}/{dataset}", name, "svg")
        return figures

    def figure_files(self, target: str) -> Paths:
        """Return PNG and SVG of every figure of a target; of the whole run, those that have anything to show."""
        if target == ALL:
            return [path.removesuffix("svg") + kind for path in self.figures().values() for kind in ("png", "svg")]
        return [path for figure in self.config.target(target).figures for path in self._files_of_figure(target, figure)]

    def run_figures(self) -> list[str]:
        """Name the figures that show all variants together."""
        return [name for name, entry in CATALOGUE.items() if entry.shows == "run" and self._has(entry.needs, ALL)]

    def _files_of_figure(self, target: str, figure: str) -> Paths:
        """Return PNG and SVG of the target, or of each model and dataset that it shows."""
        entry, subjects = CATALOGUE[figure], [target]
        if entry.needs and not self._has(entry.needs, target):
            raise UserError(f"Target {target} draws {figure}, for which this configuration lacks {entry.needs.remedy}.")
        if entry.shows == "model_on_dataset":
            pairs = self.config.pairs(self.config.target(target))
            subjects = ["/".join(pair) for pair in pairs if self.pair_figure_inputs(figure, *pair)]
        if not subjects:
            raise UserError(f"Target {target} draws {figure}, of which this configuration has none.")
        return [self.results.figure(subject, figure, kind) for subject in subjects for kind in ("png", "svg")]

    def _has(self, need: Need | None, target: str) -> bool:
        """Return true if a target fulfils the condition of a figure."""
        if need is None:
            return True
        conditions: dict[str, Callable[[str], bool]] = {
            "several_temperatures": self._has_several_temperatures,
            "swept_selection": lambda target: self._is_swept(target, self._share_kept),
            "swept_bottleneck": lambda target: self._is_swept(target, self._bottleneck),
            "searched": lambda target: bool(self.config.held_out.fraction and self._is_swept(target, self._bottleneck)),
            "barrier": lambda target: self.config.barrier is not None,
        }
        return conditions[need.condition](target)

    def _has_several_temperatures(self, target: str) -> bool:
        """Return true if some model on a dataset is sampled at several."""
        found = {(run.model, run.dataset, run.temperature) for run in self.runs(target)}
        return len(found) > len({pair[:2] for pair in found})

    def _share_kept(self, method: str) -> tuple[str, float] | None:
        """Return the criterion of a method, and the share that it keeps."""
        selection = self.config.methods[method].selection
        return (selection.by, selection.keep_fraction) if selection else None

    def _bottleneck(self, method: str) -> tuple[str, tuple[float, ...]] | None:
        settings = self.labels.bottlenecks.get(method)
        return ("ibft", tuple(settings.values())) if settings else None

    def _is_swept(self, target: str, setting: Callable[[str], tuple[str, Any] | None]) -> bool:
        """Return true if some model is fine-tuned on one dataset with several values of a setting, of one kind."""
        values: dict[tuple[str, str, str], set[Any]] = {}
        for v in self.config.variants(self.config.target(target)):
            if (found := setting(v.method)) is not None:
                values.setdefault((v.model, v.dataset, found[0]), set()).add(found[1])
        return any(len(several) > 1 for several in values.values())

    # These return the tables that figures and the report show: KEY -> path.

    def figure_inputs(self, subject: str, figure: str) -> dict[str, str]:
        """Return the tables of a figure of `subject`, a target or MODEL/DATASET, and the folder of verdicts."""
        if "/" in subject:
            model, dataset = subject.split("/")
            return self.pair_figure_inputs(figure, model, dataset)
        verdicts = f"{self.results.root}/verdicts"
        tables = CATALOGUE[figure].inputs
        if "searched" in tables:
            searched = self.config.variants(self.config.target(subject))
            return {str(v): path for v in searched for path in self.held_out(v)}
        if set(tables) <= set(OF_BARRIER):
            return {name: self.results.barrier(name) for name in tables}
        return {name: verdicts if name == "verdicts" else self.results.metrics(subject, name) for name in tables}

    def figure_tables(self, subject: str, figure: str) -> Paths:
        """Return every table that a figure reads."""
        inputs = self.figure_inputs(subject, figure)
        verdicts = self.verdicts(subject) if inputs.pop("verdicts", None) else []
        return [*inputs.values(), *verdicts]

    def pair_figure_inputs(self, figure: str, model: str, dataset: str) -> dict[str, str]:
        """Return the tables of a figure of one model on one dataset; none where it would be empty."""
        return {
            key: path
            for name in CATALOGUE[figure].inputs
            for key, path in self._pair_input(name, model, dataset).items()
        }

    def _pair_input(self, name: Input, model: str, dataset: str) -> dict[str, str]:
        if self.config.is_remote(model):
            return {}
        variants = [v for v in self.config.variants() if (v.model, v.dataset) == (model, dataset)]
        if name == "scores":
            return dict(self._memorization_groups(model, dataset))
        if name in ("deciles", "correlations") and any(map(self._is_selected_by_gradients, variants)):
            return {name: self.results.gradient_imbalance(model, dataset, name)}
        if name in ("logs", "watched", "held_out", "pairs"):
            tables = ((v, path) for v in variants for path in self._table_of_variant(name, v))
            return {f"{v.method}/seed{v.seed}": path for v, path in tables}
        return {}

    def _table_of_variant(self, name: Input, variant: Variant) -> Paths:
        """Return the table of one variant that a figure draws beside others; none where it has none."""
        if name == "held_out":
            return self.held_out(variant)
        if name == "pairs":
            is_measured = variant.method in self.config.measured_methods and self._is_of_a_sampled_seed(variant)
            return [self.results.geometry(variant)] if is_measured else []
        shown = self._is_watched(variant) if name == "watched" else self.is_trained(variant)
        return [self.results.training_log(variant)] if shown else []

    def _is_watched(self, variant: Variant) -> bool:
        """Return true if the training log tells what a method adds to CE does."""
        is_plain = not self.is_trained(variant) or self.config.methods[variant.method].kind == "ft"
        return not is_plain and self.config.training_of(variant.model, variant.dataset).watch_every > 0

    def held_out(self, variant: Variant) -> Paths:
        """Return the NLL of held-out examples; none of what is not trained, and none where none is held out."""
        trained = self.is_trained(variant) and self.held_out_examples(variant.dataset)
        return [self.results.held_out(variant)] if trained else []

    def _is_selected_by_gradients(self, variant: Variant) -> bool:
        selection = self.config.methods[variant.method].selection
        return selection is not None and CRITERIA[selection.by].table == "gradients"

    def _memorization_groups(self, model: str, dataset: str) -> Iterator[tuple[str, str]]:
        """Yield the paper's p0, p1 and p2: data on the base model, on the tuned model of each seed, the reference.

        p3, where there is one, is a second reference, of the dataset's own domain.
        """
        yield "p0", self.scores_of_base(model, dataset)
        for method in self.config.experiment_of(model, dataset).methods:
            if method in self.config.scored_methods and self.config.methods[method].kind != BASE:
                is_trained = self.config.methods[method].is_trained
                for seed in self.config.sampled_seeds_of(model, dataset) if is_trained else (0,):
                    yield f"p1-seed{seed}", self.results.memorization(Variant(model, dataset, method, seed))
                break
        yield "p2", self.scores_of_base(model, self.config.memorization.reference or "")
        if of_domain := self.config.datasets[dataset].reference:
            yield "p3", self.scores_of_base(model, of_domain)

    def report_inputs(self) -> dict[str, dict[str, str]]:
        """Return the inputs of the report other than metrics, by the option that takes them."""
        results, pairs = self.results, list(self.config.pairs())
        of_pairs = {
            figure: {
                f"{model}/{dataset}/{key}": path
                for model, dataset in pairs
                for key, path in self.pair_figure_inputs(figure, model, dataset).items()
            }
            for figure in ("memorization", "gradient_imbalance")
        }
        return {
            "problems": {name: results.problems(name) for name in self.benchmarks},
            "examples": {name: self.examples(name) for name in self.datasets},
            "logs": {str(v): results.training_log(v) for v in self.config.variants() if self.is_trained(v)},
            "held_out": {str(v): path for v in self.config.variants() for path in self.held_out(v)},
            "contamination": self.prefetched_contamination(),
            "memorization": of_pairs["memorization"],
            "gradients": of_pairs["gradient_imbalance"],
            "selection": {
                f"{v.model}/{v.dataset}/{v.method}": path for v in self.config.variants() for path in self.kept(v)
            },
            "barrier": {name: results.barrier(name) for name in ("detection", "estimands") if self.config.barrier},
            "figures": self.figures(),
        }
