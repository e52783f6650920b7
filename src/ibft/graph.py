"""The graph of a configuration as data: which jobs there are, what each reads, and what each is told.

The rules ask here and hold only how a job runs. A function that returns paths returns none of them where a job does
without that input, as a base model does without an adapter.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from ibft.config.barrier import Barrier
from ibft.config.config import Config
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
from ibft.config.targets import ALL, Target
from ibft.figures.catalogue import CATALOGUE, OF_BARRIER, Input, Need
from ibft.labels import labels_of
from ibft.metrics.runs import expand_runs
from ibft.paths import Results, Run, Variant
from ibft.runtime.errors import UserError
from ibft.selection.criteria import CRITERIA
from ibft.tables.paper_layouts import fillable

Paths = list[str]
BASE = "base"
YOSYS_MB = 4000  # while it is compiled, once on each machine
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


class Graph:
    """Every job of `config`, and what lies where in its results."""

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

    # These make the specification that a job is given.

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


def _told_of(model: Model) -> Model:
    """Return a model with the address of its server alone, as how it is reached changes no result."""
    return model.model_copy(update={"server": Server(base_url=model.server.base_url)}) if model.server else model


def _kept(values: Sequence[Any], wanted: Iterable[Any] | None) -> list[Any]:
    """Return those of `values` that the filter of a target leaves."""
    return [value for value in values if wanted is None or value in wanted]
