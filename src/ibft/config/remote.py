"""Checks of models behind an API: what they cannot do is refused by key."""

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

from ibft.config.sections import Api, Experiment, Model, Profile
from ibft.config.unchecked import UncheckedConfig
from ibft.store.files import why_unreadable

MESSAGES = ("reasoning",)  # profiles that a chat can ask by messages alone
TEMPLATED = ("chat", "reasoning", "evalplus-chat")  # profiles that need a chat template


def remote_models(config: UncheckedConfig) -> Iterator[str]:
    """Yield one sentence for each model that is behind an API in part, and each wish that weights alone fulfil."""
    for name, model in config.models.items():
        yield from _entry(name, model)
        if model.exposure and config.is_remote(config.base_of(name)):
            yield f"models.{name}.source: {config.base_of(name)!r} lies behind an API, and nothing can be shown to it"
    for name, experiment in config.experiments.items():
        remote = [model for model in experiment.models if config.is_remote(model)]
        engine = config.sampling_of(experiment.models[0], experiment.dataset).engine
        if remote and len(remote) < len(experiment.models):
            own = next(model for model in experiment.models if model not in remote)
            yield (
                f"experiments.{name}.models: {remote[0]!r} lies behind an API and {own!r} does not: "
                "give each kind an experiment of its own"
            )
        elif remote:
            yield from _experiment(config, name, experiment)
        elif engine == "openai":
            yield (
                f"experiments.{name}: sampling.engine is openai, and models.{experiment.models[0]}.source is no "
                "api:NAME; use auto, vllm or transformers"
            )
    yield from _whole_run(config)


def _entry(name: str, model: Model) -> Iterator[str]:
    if not model.is_remote:
        if not model.layers:
            yield f"models.{name}.layers: missing"
        for key in ("server", "api"):
            if getattr(model, key) not in (None, Api()):
                yield f"models.{name}.{key}: goes with source api:NAME; leave it out"
        return
    if model.server is None:
        yield f"models.{name}.server: missing: base_url says where {model.source} is"
    if model.revision is not None:
        yield f"models.{name}.revision: a model behind an API has none; its name says which one it is"
    if model.api.tokenizer is not None:
        yield from _tokenizer(f"models.{name}.api.tokenizer", model.api.tokenizer, model.api.protocol)


def _tokenizer(key: str, source: str, protocol: str) -> Iterator[str]:
    folder = Path(source.removeprefix("path:"))
    reason = why_unreadable(folder / "tokenizer_config.json")
    if protocol == "chat":
        yield f"{key}: of a chat, the server renders the messages; leave it out, or set protocol to completions"
    elif reason:
        yield f"{key}: {folder} has no tokenizer_config.json that can be read: {reason}"
    elif importlib.util.find_spec("transformers") is None:
        yield f"{key}: needs transformers, which is not installed: run `uv sync --extra train`"


def _experiment(config: UncheckedConfig, name: str, experiment: Experiment) -> Iterator[str]:
    first = experiment.models[0]
    sampling = config.sampling_of(first, experiment.dataset)
    profile = config.sampling_profile_of(first, experiment.dataset)
    if sampling.engine not in ("auto", "openai"):
        yield (
            f"experiments.{name}.sampling.engine: {sampling.engine} needs weights, and {first!r} lies behind an API; "
            "set it to openai"
        )
    for method in experiment.methods:
        if config.methods[method].kind != "base":
            yield f"experiments.{name}.methods: {first!r} lies behind an API and cannot be trained: leave {method} out"
    for key in ("measured_on", "training"):
        if getattr(experiment, key):
            yield f"experiments.{name}.{key}: {first!r} lies behind an API, and has no weights for it; leave it out"
    for model in experiment.models:
        api = config.models[model].api
        raw = tuple(name for name in get_args(Profile) if name not in TEMPLATED)
        valid = MESSAGES if api.protocol == "chat" else raw
        if profile not in valid and not api.tokenizer:
            remedy = "" if api.protocol == "chat" else f", or give models.{model}.api.tokenizer"
            yield (
                f"experiments.{name}.profile: {profile} cannot be asked by api.protocol {api.protocol} of {model!r}: "
                f"valid are {', '.join(valid)}{remedy}"
            )


def _whole_run(config: UncheckedConfig) -> Iterator[str]:
    """Yield one sentence for each key that asks for what no model of this configuration has."""
    used = [model for own in config.experiments.values() for model in own.models]
    if not used or not all(map(config.is_remote, used)):
        return
    asked = {
        "memorization.score_methods": config.memorization.score_methods,
        "geometry.methods": config.geometry.methods,
    }
    for key, methods in asked.items():
        if methods:
            yield f"{key}: needs weights, and every model of this configuration lies behind an API; leave it out"
