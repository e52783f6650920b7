"""A configuration asks for runs, and their jobs read files; both are listed here."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ibft.config.config import Config
from ibft.config.targets import ALL, Target
from ibft.labels import labels_of
from ibft.metrics.runs import expand_runs
from ibft.paths import Results, Run, Variant
from ibft.selection.criteria import CRITERIA

Paths = list[str]
BASE = "base"


class Files:
    """Lists the runs of `config`, and says what lies where in its results."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.results = Results(config.results)
        self.labels = labels_of(config)

    # These list the runs of a target, and what runs are of.

    def run_products(self, target: str) -> list[list[list[Any]]]:
        """Return every run that a target shows, as products of the values of `Run`: a few instead of thousands."""
        shown = self.config.target(target)
        products: list[list[list[Any]]] = []
        for v in filter(self._is_sampled, self.config.variants(shown)):
            sampling = self.config.sampling_of(v.model, v.dataset)
            benchmarks = _kept(self.config.experiment_of(v.model, v.dataset).benchmarks, shown.benchmarks)
            temperatures = _kept(sampling.temperatures, shown.temperatures)
            variant: list[list[Any]] = [[v.model], [v.dataset], [v.method], [v.seed]]
            products.append([*variant, benchmarks, temperatures, list(range(sampling.trials))])
        for name in self._imported(shown):
            own = self.config.imported_samples[name]
            products.append([[own.model], [own.dataset], [name], [0], [own.benchmark], [own.temperature], [0]])
        return products

    def _is_sampled(self, variant: Variant) -> bool:
        """Return true unless the experiment of a variant runs its method for something else than samples."""
        experiment = self.config.experiment_of(variant.model, variant.dataset)
        sampled = experiment.methods if experiment.sampled is None else experiment.sampled
        is_named = variant.method in sampled or variant.method not in experiment.methods
        return is_named and self._is_of_a_sampled_seed(variant)

    def _is_of_a_sampled_seed(self, variant: Variant) -> bool:
        """Return true for what is not trained here, too, and has no training seed."""
        seeds = self.config.sampled_seeds_of(variant.model, variant.dataset)
        return variant.seed in seeds or not self.is_trained(variant)

    def runs(self, target: str = ALL) -> list[Run]:
        return list(expand_runs(self.run_products(target)))

    def _imported(self, shown: Target) -> Iterator[str]:
        """Name the imported samples that pass a target's filters; those belong to no experiment."""
        for name, own in self.config.imported_samples.items():
            filters = (
                (own.model, shown.models),
                (own.benchmark, shown.benchmarks),
                (own.temperature, shown.temperatures),
            )
            if (
                shown.experiments is None
                and shown.methods is None
                and all(_kept([value], kept) for value, kept in filters)
            ):
                yield name

    @property
    def datasets(self) -> list[str]:
        """List the datasets that models are fine-tuned on, measured on or shown, and the references of these."""
        used = {experiment.dataset for experiment in self.config.experiments.values()}
        measured = {name for experiment in self.config.experiments.values() for name in experiment.measured_on}
        shown = {exposure.dataset for exposure in self.config.exposures.values()} if used else set()
        references = {name for each in used if (name := self.config.datasets[each].reference)}
        references |= {self.config.memorization.reference or ""} if self._trained_on else set()
        return sorted(used | measured | shown | references)

    @property
    def _trained_on(self) -> set[str]:
        """Name the datasets of experiments whose models have weights here."""
        return {own.dataset for own in self.config.experiments.values() if not self.config.is_remote(own.models[0])}

    @property
    def benchmarks(self) -> list[str]:
        return sorted(self.config.in_use("benchmarks"))

    # These return the files that a job reads.

    def prefetched_models(self) -> dict[str, str]:
        used = [self.config.base_of(model) for model in self.config.in_use("models") if model in self.config.models]
        return {model: self.results.model(model) for model in dict.fromkeys(used) if not self.config.is_remote(model)}

    def prefetched_adapters(self) -> dict[str, str]:
        return {v.method: self.adapter(v)[0] for v in self.config.variants() if self.config.methods[v.method].adapter}

    def prefetched_datasets(self) -> dict[str, str]:
        return {dataset: self.results.examples(dataset) for dataset in self.datasets}

    def prefetched_contamination(self) -> dict[str, str]:
        """Map DATASET/BENCHMARK to their overlap, which is told before anything is trained."""
        return {f"{d}/{b}": self.results.contamination(d, b) for d, b in self.config.evaluations()}

    def contamination(self, dataset: str) -> Paths:
        """Return the overlap of a dataset with each benchmark that it is tested on; none for the reference dataset."""
        of_dataset = [benchmark for own, benchmark in self.config.evaluations() if own == dataset]
        return [self.results.contamination(dataset, benchmark) for benchmark in of_dataset]

    def examples(self, dataset: str) -> str:
        """Return the examples that jobs score, select and train on: those that are not held out."""
        is_split = bool(self.held_out_examples(dataset))
        return self.results.training_examples(dataset) if is_split else self.usable_examples(dataset)

    def held_out_examples(self, dataset: str) -> Paths:
        """Return the examples that are never trained on; none of the reference, on which nothing is trained."""
        is_split = self.config.held_out.fraction and dataset in self._trained_on
        return [self.results.held_out_examples(dataset)] if is_split else []

    def usable_examples(self, dataset: str) -> str:
        """Return all examples, or those that overlap with no benchmark."""
        drop = self.config.contamination.drop and self.contamination(dataset)
        return self.results.decontaminated(dataset) if drop else self.results.examples(dataset)

    def exposure(self, model: str) -> Variant:
        """Return what a model is made of by its exposure: a variant of its base, trained like every other."""
        own = self.config.exposures[model]
        return Variant(self.config.base_of(model), own.dataset, model, own.seed)

    def measured_on(self, model: str, dataset: str) -> dict[str, str]:
        """Map the datasets that models trained on `dataset` are measured on to their examples."""
        return {name: self.examples(name) for name in self.config.experiment_of(model, dataset).measured_on}

    def adapter(self, variant: Variant) -> Paths:
        """Return the adapter of a variant, trained here or by somebody else; none of a base model."""
        method = self.config.methods[variant.method]
        if method.adapter:
            return [self.results.prepared_adapter(variant.model, variant.method)]
        return [self.results.adapter(variant)] if method.is_trained else []

    def is_trained(self, variant: Variant) -> bool:
        return self.config.methods[variant.method].is_trained

    def trained_together(self) -> list[list[Variant]]:
        """Group the variants that one job trains: of one base and data set, with passes of one kind.

        An exposure is trained alone, and so is everything where `compute.train_together` is 1.
        """
        most = self.config.compute.train_together
        if most == 1:
            return []
        targets = [self.config.target(name) for name in (ALL, *self.config.targets)]
        variants = dict.fromkeys(v for target in targets for v in self.config.variants(target) if self.is_trained(v))
        alike: dict[tuple[Any, ...], list[Variant]] = {}
        for v in variants:
            training = self.config.training_of(v.model, v.dataset, v.method)
            alike.setdefault((v.model, v.dataset, training.max_length, training.precision), []).append(v)
        return [own[first : first + most] for own in alike.values() for first in range(0, len(own), most)]

    def trained_alone(self) -> list[str]:
        """Name the methods whose variants have a job of their own; exposures are variants, too."""
        methods = [] if self.config.compute.train_together > 1 else list(self.config.methods)
        return [*methods, *self.config.exposures]

    def scores_of_base(self, model: str, dataset: str) -> str:
        """Return Min-K% Prob of a dataset on the base model, which selects, groups and ranks."""
        return self.results.memorization(Variant(model, dataset, BASE, 0))

    def scores_to_select_by(self, model: str, dataset: str, by: str) -> Paths:
        """Return the table that a criterion ranks by; none for the random control."""
        table = CRITERIA[by].table
        if table == "memorization":
            return [self.scores_of_base(model, dataset)]
        return [self.results.gradients(model, dataset)] if table == "gradients" else []

    def kept(self, variant: Variant) -> Paths:
        """Return the selected examples that a variant is trained on; none where it is trained on all."""
        method = self.config.methods.get(variant.method)  # an exposure is none, and is of a whole dataset
        if method is None or method.selection is None:
            return []
        selection = method.selection
        return [self.results.selection(variant.model, variant.dataset, selection.by, selection.keep_fraction)]

    def adapters(self) -> Paths:
        return [path for variant in self.config.variants() for path in self.adapter(variant)]

    def verdicts(self, target: str) -> Paths:
        return [self.results.verdicts(run) for run in self.runs(target)]

    def synthesis(self, target: str) -> Paths:
        """Return cells and area of what passes, of each run on Verilog; none where they are not asked for."""
        if self.config.synthesis is None:
            return []
        language = {name: benchmark.language for name, benchmark in self.config.benchmarks.items()}
        return [self.results.synthesis(run) for run in self.runs(target) if language[run.benchmark] == "verilog"]

    def references(self) -> Paths:
        return [self.results.references(benchmark) for benchmark in self.benchmarks]

    def samples(self, target: str = ALL) -> Paths:
        return [self.results.samples(run) for run in self.runs(target)]


def _kept(values: Sequence[Any], wanted: Iterable[Any] | None) -> list[Any]:
    """Return those of `values` that the filter of a target leaves."""
    return [value for value in values if wanted is None or value in wanted]
