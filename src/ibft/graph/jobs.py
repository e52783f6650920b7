"""Jobs get their specifications here. A job runs again when its specification has changed."""

from collections.abc import Mapping

from ibft.config.barrier import Barrier
from ibft.config.jobs import (
    Comparison,
    ComputeMetrics,
    CountPasses,
    DetectMembers,
    DrawFigure,
    EstimateBarrier,
    Execute,
    ExposeModel,
    HoldOut,
    MeasureGeometry,
    MeasureInfluence,
    MeasureNll,
    MeasureReferences,
    PrepareAdapter,
    PrepareModel,
    RelateGradients,
    Sample,
    SampleApi,
    ScoreGradients,
    ScoreMemorization,
    SelectExamples,
    TraceTokens,
    Train,
    WriteAudit,
    WritePaperTable,
    WriteReport,
    WriteTables,
)
from ibft.config.sections import (
    Benchmark,
    Contamination,
    Dataset,
    ImportedSamples,
    Method,
    Model,
    Selection,
    Server,
    Synthesis,
)
from ibft.figures.catalogue import CATALOGUE
from ibft.graph.files import Files, Paths
from ibft.paths import Variant
from ibft.runtime.errors import UserError

YOSYS_MB = 4000  # while it is compiled, once on each machine


class Jobs(Files):
    """The specification of every job of a configuration."""

    def prepare_model(self, model: str) -> PrepareModel:
        return PrepareModel(name=model, model=self.config.models[model].without("label", "precision"))

    def prepare_adapter(self, method: str) -> PrepareAdapter:
        own = self.config.methods[method]
        return PrepareAdapter(name=method, adapter=own.adapter or "", revision=own.revision)

    def expose_model(self, model: str) -> ExposeModel:
        own = self.config.exposures[model]
        return ExposeModel(dataset=own.dataset, epochs=own.epochs, precision=self.config.models[model].precision)

    def prepare_dataset(self, dataset: str) -> Dataset:
        entry = self.config.datasets[dataset].without("label", "reference")
        return entry.model_copy(update={"parts": {part: self.prepare_dataset(part) for part in sorted(entry.mixture)}})

    def sources_of(self, dataset: str) -> Paths:
        """Return the source of a dataset, or those of the parts of a mixture."""
        entry = self.config.datasets[dataset]
        return [source for part in sorted(entry.mixture) for source in self.sources_of(part)] or [entry.source]

    def is_of_this_python(self, dataset: str) -> bool:
        """Return true if a dataset is made of the standard library, and so changes with the interpreter's version."""
        return "generated:python-stdlib" in self.sources_of(dataset)

    def prepare_benchmark(self, benchmark: str) -> Benchmark:
        return self.config.benchmarks[benchmark].without("label")

    def measure_contamination(self) -> Contamination:
        return self.config.contamination.without("drop")

    def score_memorization(self, model: str) -> ScoreMemorization:
        memorization = self.config.memorization.as_scoring()
        return ScoreMemorization(scoring=memorization, precision=self.config.models[model].precision)

    def audits(self) -> Paths:
        """Return the audit of every dataset on every model that can be fine-tuned on it."""
        pairs = ((model, dataset) for model, dataset in self.config.pairs() if not self.config.is_remote(model))
        return [self.results.audit(model, dataset) for model, dataset in pairs]

    def overlaps_of(self, dataset: str) -> dict[str, str]:
        """Map each benchmark that a dataset is tested on to their overlap."""
        of_dataset = [benchmark for own, benchmark in self.config.evaluations() if own == dataset]
        return {benchmark: self.results.contamination(dataset, benchmark) for benchmark in of_dataset}

    def trace_tokens(self, model: str, dataset: str) -> TraceTokens:
        return TraceTokens(
            scoring=self.config.memorization.as_scoring().without("k", "scope"),
            k=self.config.memorization.k_selection,
            profile=self.config.experiment_of(model, dataset).profile,
            precision=self.config.models[model].precision,
        )

    def influence(self, model: str, dataset: str) -> Paths:
        """Return how the examples of a dataset pull on those that are held out, where an audit is to show it."""
        return [self.results.influence(model, dataset)] if self.config.audit.influence else []

    def measure_influence(self, model: str, dataset: str) -> MeasureInfluence:
        return MeasureInfluence.model_validate(self.score_gradients(model, dataset).model_dump())

    def write_audit(self, model: str, dataset: str) -> WriteAudit:
        reference = self.config.memorization.reference or ""
        return WriteAudit(
            model=self.labels.model(model),
            dataset=self.labels.dataset(dataset),
            reference=self.labels.dataset(reference),
            comparison=self._comparison(dataset, reference),
            k=self.config.memorization.k_selection,
        )

    def _comparison(self, dataset: str, reference: str) -> Comparison:
        """Tell what scores of a dataset and its reference have in common. A reference of one's own is of its kind."""
        own, other = self.config.datasets[dataset], self.config.datasets[reference]
        if own.language != other.language:
            return "other kind"
        is_generated = other.source.startswith("generated:")
        return "same language" if is_generated and own.source != other.source else "same kind"

    def score_gradients(self, model: str, dataset: str) -> ScoreGradients:
        training = self.config.training_of(model, dataset)
        return ScoreGradients(
            gradients=self.config.gradients.without("shards"),
            lora=training.lora,
            max_length=training.max_length,
            learning_rate=training.learning_rate,
            profile=self.config.experiment_of(model, dataset).profile,
            precision=self.config.models[model].precision,
            seed=self.config.seed,
        )

    def relate_gradients(self) -> RelateGradients:
        return RelateGradients(k=self.config.memorization.k_selection)

    def select_examples(self, by: str, keep_fraction: str) -> SelectExamples:
        selection = Selection.model_validate({"by": by, "keep_fraction": float(keep_fraction)})
        return SelectExamples(selection=selection, k=self.config.memorization.k_selection, seed=self.config.seed)

    def hold_out(self) -> HoldOut:
        return HoldOut(held_out=self.config.held_out.without("points"), seed=self.config.seed)

    def train(self, variant: Variant) -> Train:
        exposure = self.config.exposures.get(variant.method)
        method = Method(kind="ft", layer=1) if exposure else self.config.methods[variant.method]
        shown = exposure or self.config.experiment_of(variant.model, variant.dataset)
        return Train(
            method=method.without("label", "selection", "sweep", "training"),
            layer=self.config.layer_index(variant.model, method.layer),
            training=self.config.training_of(variant.model, variant.dataset, variant.method).without("seeds"),
            profile=shown.profile,
            precision=self.config.models[variant.model].precision,
            held_out_points=self.config.held_out.points,
            seed=variant.seed,
        )

    def training_gpus(self) -> int:
        """Count the GPUs of a training job: at least one for each process, where jobs run on GPUs at all."""
        compute = self.config.compute
        return max(compute.gpus, compute.processes) if compute.gpus else 0

    def training_memory_mb(self) -> int:
        """Return the memory of a training job, each process of which holds the weights."""
        return self.config.compute.memory_mb * self.config.compute.processes

    def memory_together_mb(self, variants: int) -> int:
        """Return the memory of a job that trains so many variants: half of what one takes is weights and Python."""
        return self.config.compute.memory_mb * (variants + 1) // 2

    def training_options(self, variant: Variant) -> list[str]:
        """Return the options of the training command that change no result."""
        compute = self.config.compute
        options = [f"--deepspeed={compute.deepspeed}"] if compute.deepspeed else []
        return [*options, *self.tracker_options(f"training/{variant}")]

    def tracker_options(self, place: str) -> list[str]:
        """Return the options by which a job sends its numbers elsewhere as well; TensorBoard's go to `place`."""
        compute = self.config.compute
        options = [f"--wandb={compute.wandb}"] if compute.wandb else []
        options += [f"--trackio={compute.trackio}"] if compute.trackio else []
        return [*options, *([f"--tensorboard={self.results.events(place)}"] if compute.tensorboard else [])]

    def measure_nll(self, model: str, dataset: str) -> MeasureNll:
        return MeasureNll(
            profile=self.config.experiment_of(model, dataset).profile,
            max_length=self.config.training_of(model, dataset).max_length,
            batch_tokens=self.config.memorization.batch_tokens,
            precision=self.config.models[model].precision,
        )

    @property
    def barrier(self) -> Barrier:
        if self.config.barrier is None:
            raise UserError("this configuration has no section `barrier`: config/barrier.yaml shows one")
        return self.config.barrier

    def scores_of_bases(self) -> dict[str, str]:
        """Map the twin, and each model that was shown the members, to their scores of members and others."""
        own, exposures = self.barrier, self.config.exposures
        shown = exposures[own.exposed].dataset
        scored = [model for model, dataset in self.config.pairs() if dataset == own.dataset and model in exposures]
        kept = [model for model in scored if model == own.control or exposures[model].dataset == shown]
        return {model: self.scores_of_base(model, own.dataset) for model in kept}

    def nll_of_arms(self) -> dict[str, str]:
        """Map every variant of both bases to its NLL on the held-out datasets."""
        bases = (self.barrier.exposed, self.barrier.control)
        arms = [v for v in self.config.variants() if v.model in bases and self.measured_on(v.model, v.dataset)]
        return {str(v): self.results.nll(v) for v in arms}

    def detect_members(self) -> DetectMembers:
        models = [model for model in self.scores_of_bases() if model != self.barrier.control]
        return DetectMembers(
            barrier=self.barrier,
            k=self.config.memorization.k_selection,
            scope=self.config.memorization.scope,
            exposures={model: self.config.exposures[model].epochs for model in models},
        )

    def estimate_barrier(self) -> EstimateBarrier:
        measured_on = self.config.experiment_of(self.barrier.exposed, self.barrier.dataset).measured_on
        return EstimateBarrier(barrier=self.barrier, measured_on=measured_on, labels=self.labels.decisive())

    def measure_geometry(self, model: str) -> MeasureGeometry:
        memorization = self.config.memorization
        return MeasureGeometry(
            geometry=self.config.geometry.without("methods", "layer"),
            layer=self.config.layer_index(model, self.config.geometry.layer),
            k=memorization.k_selection,
            max_length=memorization.max_length,
            batch_tokens=memorization.batch_tokens,
            precision=self.config.models[model].precision,
            seed=self.config.seed,
        )

    def sample(self, variant: Variant, temperature: float) -> Sample:
        model, dataset = variant.model, variant.dataset
        return Sample(
            variant=str(variant),
            temperature=temperature,
            sampling=self.config.sampling_of(model, dataset).without("temperatures", "trials", "profile"),
            profile=self.config.sampling_profile_of(model, dataset),
            precision=self.config.models[model].precision,
        )

    def sample_api(self, variant: Variant, temperature: float) -> SampleApi:
        model, dataset = variant.model, variant.dataset
        own = self.config.models[model]
        sampling = self.config.sampling_of(model, dataset)
        return SampleApi(
            variant=str(variant),
            temperature=temperature,
            model=own.source.removeprefix("api:"),
            api=own.api,
            sampling=sampling.without("temperatures", "trials", "profile", "engine", "batch_size", "adapters"),
            profile=self.config.sampling_profile_of(model, dataset),
        )

    def missing_keys(self, environment: Mapping[str, str]) -> list[str]:
        """Name the environment variables that hold no key although a server in use asks for one."""
        used = (self.config.models.get(model) for model in self.config.in_use("models"))
        wanted = {model.server.key_variable for model in used if model and model.server}
        return sorted(name for name in wanted if name and not environment.get(name))

    def import_samples(self, name: str) -> ImportedSamples:
        return self.config.imported_samples[name].without("label")

    def measure_references(self) -> MeasureReferences:
        return MeasureReferences(execution=self.config.execution)

    def execute(self, method: str) -> Execute:
        imported = self.config.imported_samples.get(method)
        as_is = imported is not None and imported.profile == "as-is"
        return Execute(execution=self.config.execution, as_is=as_is)

    def synthesize(self) -> Synthesis:
        """Raise `UserError` where this configuration synthesizes nothing."""
        if self.config.synthesis is None:
            raise UserError("this configuration has no section `synthesis`: `synthesis: {}` is one")
        return self.config.synthesis

    def synthesis_memory_mb(self) -> int:
        """Return the memory of a job that synthesizes: of every design at work, and of Yosys itself."""
        return YOSYS_MB + self.config.compute.execution_workers * self.synthesize().memory_mb

    def count_passes(self, target: str) -> CountPasses:
        return CountPasses(runs=self.run_products(target))

    def compute_metrics(self) -> ComputeMetrics:
        swept = tuple(name for name, method in self.config.methods.items() if method.sweep)
        return ComputeMetrics(metrics=self.config.metrics, swept=swept)

    def write_tables(self) -> WriteTables:
        return WriteTables(metrics=self.config.metrics.without("primary"), labels=self.labels.decisive())

    def write_paper_table(self, layout: str) -> WritePaperTable:
        return WritePaperTable.model_validate({"layout": layout, "labels": self.labels.decisive()})

    def draw_figure(self, subject: str, figure: str) -> DrawFigure:
        entry, title, settings = CATALOGUE[figure], "", {}
        if entry.shows == "model_on_dataset":
            model, dataset = subject.split("/")
            title = f"{self.labels.model(model)}, {self.labels.dataset(dataset)}"
        if entry.settings == "memorization":
            settings = self.config.memorization.without("score_methods", "shards").decisive()
        elif entry.settings == "barrier":
            settings = self.barrier.decisive()
        elif entry.settings == "metrics":
            settings = self.config.metrics.without("primary").decisive()
        return DrawFigure(figure=figure, settings=settings, labels=self.labels.decisive(), subject=title)

    def write_report(self) -> WriteReport:
        models = {name: _told_of(model) for name, model in self.config.models.items()}
        config = self.config.model_copy(update={"models": models}).without("compute", "targets").decisive()
        return WriteReport(config=config, labels=self.labels.decisive())


def _told_of(model: Model) -> Model:
    """Return a model with the address of its server alone, as how it is reached changes no result."""
    return model.model_copy(update={"server": Server(base_url=model.server.base_url)}) if model.server else model
