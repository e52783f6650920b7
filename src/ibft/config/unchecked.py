"""The whole configuration, and what follows from it for one model, dataset or named target."""

from collections.abc import Iterator
from typing import Any, Literal

from pydantic import Field, field_validator

from ibft.config.barrier import Barrier
from ibft.config.section import Name, Section, Seed, layer_index, overridden
from ibft.config.sections import (
    Audit,
    Benchmark,
    Compute,
    Contamination,
    Dataset,
    Execution,
    Experiment,
    Exposure,
    Geometry,
    Gradients,
    HeldOut,
    ImportedSamples,
    Memorization,
    Method,
    Metrics,
    Model,
    Profile,
    Sampling,
    Synthesis,
    Training,
)
from ibft.config.targets import ALL, PAPER_TARGETS, WHOLE_RUN, Target
from ibft.paths import Variant
from ibft.store.results_folder import why_not


class UncheckedConfig(Section):
    """Each section is valid by itself. Names may refer to nothing, and settings may contradict each other."""

    results: str = Field("results", description="where every output goes")
    seed: Seed = 0
    models: dict[Name, Model] = Field({})
    datasets: dict[Name, Dataset] = Field({})
    benchmarks: dict[Name, Benchmark] = Field(min_length=1)
    methods: dict[Name, Method] = Field({})
    experiments: dict[Name, Experiment] = Field(
        description="may be {} where samples are imported: then only those are judged"
    )
    imported_samples: dict[Name, ImportedSamples] = Field({})
    memorization: Memorization = Memorization()
    gradients: Gradients = Gradients()
    contamination: Contamination = Contamination()
    audit: Audit = Audit()
    held_out: HeldOut = HeldOut()
    training: Training = Training()
    sampling: Sampling = Sampling()
    execution: Execution = Execution()
    synthesis: Synthesis | None = Field(None, description="null: no cells and area of what passes")
    metrics: Metrics = Metrics()
    geometry: Geometry = Geometry()
    barrier: Barrier | None = Field(None, description="null: no experiment with known membership")
    compute: Compute = Compute()
    targets: dict[Name, Target] = Field(
        {}, validate_default=True, description="added to, or in place of, the paper's table1, fig1, ..."
    )

    def experiment_of(self, model: str, dataset: str) -> Experiment:
        """The one experiment that runs `model` on `dataset`."""
        return next(t for t in self.experiments.values() if t.dataset == dataset and model in t.models)

    def training_of(self, model: str, dataset: str, method: str | None = None) -> Training:
        """The settings that `method` trains `model` with on `dataset`; without one, those that its methods share."""
        if method in self.exposures:
            exposure = self.exposures[method]
            return overridden(self.training, {**exposure.training, "epochs": exposure.epochs, "updates": None})
        shared = overridden(self.training, self.experiment_of(model, dataset).training)
        return overridden(shared, self.methods[method].training) if method else shared

    def sampled_seeds_of(self, model: str, dataset: str) -> tuple[int, ...]:
        """The training seeds whose models are sampled, scored by Min-K% and measured for geometry."""
        own, seeds = self.experiment_of(model, dataset).sampled_seeds, self.training_of(model, dataset).seeds
        return seeds if own is None else tuple(seed for seed in seeds if seed in own)

    @property
    def exposures(self) -> dict[str, Exposure]:
        """The exposure of each model that has one."""
        return {name: model.exposure for name, model in self.models.items() if model.exposure}

    def base_of(self, model: str) -> str:
        """The model that `model` was before its exposure; without one, itself."""
        return self.models[model].source.partition(":")[2] if model in self.exposures else model

    def is_remote(self, model: str) -> bool:
        """Return true if a model of this configuration lies behind an API, and so is sampled and nothing else."""
        return model in self.models and self.models[model].is_remote

    def sampling_of(self, model: str, dataset: str) -> Sampling:
        return overridden(self.sampling, self.experiment_of(model, dataset).sampling)

    def sampling_profile_of(self, model: str, dataset: str) -> Profile:
        """The profile that a model is sampled with: the one that it was trained with, unless `sampling` names one."""
        return self.sampling_of(model, dataset).profile or self.experiment_of(model, dataset).profile

    def layer_index(self, model: str, layer: int | float) -> int:
        """Layer `layer` (an index from 1, or a fraction of the depth) as an index into `model`'s layers, from 1."""
        return layer_index(layer, self.models[model].layers)

    @property
    def scored_methods(self) -> tuple[str, ...]:
        """The methods whose models score their own dataset."""
        named = self.memorization.score_methods
        return self._on_all_data("base", "ft") if named is None else named

    @property
    def measured_methods(self) -> tuple[str, ...]:
        """The methods whose geometry is measured."""
        named = self.geometry.methods
        return self._on_all_data("base", "ft", "ibft") if named is None else named

    def _on_all_data(self, *kinds: str) -> tuple[str, ...]:
        """The methods of these kinds without a selection, those of sweeps aside."""
        return tuple(n for n, m in self.methods.items() if m.kind in kinds and not m.selection and not m.sweep)

    def evaluations(self) -> list[tuple[str, str]]:
        """Every (dataset, benchmark) such that a model fine-tuned on the one, or shown it, is tested on the other."""
        return list(
            dict.fromkeys(
                (dataset, benchmark)
                for experiment in self.experiments.values()
                for dataset in [experiment.dataset, *map(self._shown_to, experiment.models)]
                for benchmark in experiment.benchmarks
                if dataset
            )
        )

    def _shown_to(self, model: str) -> str | None:
        """The dataset that a model was exposed to."""
        return self.exposures[model].dataset if model in self.exposures else None

    def in_use(self, what: Literal["models", "benchmarks"]) -> list[str]:
        """The names that experiments use, in the order in which they list them, then those of imported samples."""
        of_experiments = [name for experiment in self.experiments.values() for name in getattr(experiment, what)]
        of_imports = [getattr(imported, what.removesuffix("s")) for imported in self.imported_samples.values()]
        return list(dict.fromkeys([*of_experiments, *of_imports]))

    def target(self, name: str) -> Target:
        """The target of this name; `all` shows everything."""
        return WHOLE_RUN if name == ALL else self.targets[name]

    def pairs(self, target: Target = WHOLE_RUN) -> Iterator[tuple[str, str]]:
        """Every (model, dataset) that `target` shows."""
        for name, experiment in self.experiments.items():
            for model in experiment.models:
                if _kept(name, target.experiments) and _kept(model, target.models):
                    yield model, experiment.dataset

    def variants(self, target: Target = WHOLE_RUN) -> Iterator[Variant]:
        """Every variant that `target` shows."""
        for model, dataset in self.pairs(target):
            methods = target.methods or self.experiment_of(model, dataset).methods
            seeds = self.training_of(model, dataset).seeds
            for method in methods:
                for seed in seeds if self.methods[method].is_trained else (0,):
                    yield Variant(model, dataset, method, seed)

    @field_validator("models", "datasets", "benchmarks", "methods", "experiments", "imported_samples")
    @classmethod
    def _order_does_not_matter(cls, entries: dict[str, Any]) -> dict[str, Any]:
        return dict(sorted(entries.items()))

    @field_validator("results")
    @classmethod
    def _results_have_a_folder_of_their_own(cls, results: str) -> str:
        if reason := why_not(results):
            raise ValueError(reason)
        return results

    @field_validator("targets")
    @classmethod
    def _the_papers_targets_stand_by_default(cls, targets: dict[str, Target]) -> dict[str, Target]:
        return {**PAPER_TARGETS, **targets}


def _kept(name: str, filtered: tuple[str, ...] | None) -> bool:
    return filtered is None or name in filtered
