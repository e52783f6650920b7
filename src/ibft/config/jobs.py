"""Specifications of jobs, one per rule: the settings that decide a job's output, and nothing else.

`ibft.graph` makes them of a configuration, rules pass them as JSON in `params`, and scripts take them as `--job`. Where
one section of the configuration is all that a job is told, that section is its specification.
"""

import argparse
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, ValidationError
from pydantic.fields import FieldInfo

from ibft.config.barrier import Barrier
from ibft.config.messages import sentences
from ibft.config.section import Few, Name, Positive, Precision, Scope, Section, Seed, Temperature, Tokens
from ibft.config.sections import (
    REFERENCE,
    Api,
    Execution,
    Geometry,
    Gradients,
    HeldOut,
    LoRA,
    Method,
    Metrics,
    Model,
    Profile,
    Sampling,
    Scoring,
    Selection,
    Training,
)
from ibft.runtime.stage import stage_parser

Spec = TypeVar("Spec", bound=Section)


Comparison = Literal["same kind", "same language", "other kind"]
"""Data of one kind differ in score by what the model has seen; of one language, also by how predictable they are."""


class PrepareModel(Section):
    name: Name = Field(description="of the model in the configuration")
    model: Model = Field(description="its entry")


class PrepareAdapter(Section):
    name: Name = Field(description="of the method in the configuration")
    adapter: str = Field(pattern=r"^(hub|path):.+$", description="hub:OWNER/NAME or path:FOLDER")
    revision: str | None = Field(None, description="hub commit")


class ExposeModel(Section):
    dataset: Name = Field(description="what the model was shown")
    epochs: float = Field(gt=0, description="how often each example was shown")
    precision: Precision = Field("float32", description="of the weights")


class ScoreMemorization(Section):
    scoring: Scoring = Scoring()
    precision: Precision = Field("float32", description="of the weights and the forward pass")


class TraceTokens(Section):
    scoring: Scoring = Scoring()
    k: Positive = Field(20, description="the k of Min-K% Prob and Min-K%++")
    profile: Profile = Field("chat", description="prompt profile that the model is trained with")
    precision: Precision = Field("float32", description="of the weights and the forward pass")


class WriteAudit(Section):
    model: str = Field(description="as the page calls it")
    dataset: str = Field(description="as the page calls it")
    reference: str = Field(description="dataset that the model cannot know, as the page calls it")
    comparison: Comparison = Field(description="of data and reference: what their scores can tell")
    k: Positive = Field(20, description="the k of Min-K% Prob and Min-K%++")


class ScoreGradients(Section):
    gradients: Gradients = Gradients()
    lora: LoRA = LoRA()
    max_length: Positive = Field(2048, description="tokens per example; longer ones are cut")
    learning_rate: float = Field(5e-5, gt=0, description="of the warm-up")
    profile: Profile = Field("chat", description="prompt profile")
    precision: Precision = Field("float32", description="of the frozen weights")
    seed: Seed = Field(0, description="of the adapters and the warm-up")


class MeasureInfluence(ScoreGradients):
    """Influence is taken on the same adapters as GraNd."""


class RelateGradients(Section):
    k: Positive = Field(20, description="the k of Min-K% Prob that ranks the examples")


class SelectExamples(Section):
    selection: Selection
    k: Positive = Field(20, description="the k of Min-K% Prob that mink ranks by")
    seed: Seed = Field(0, description="of the random control")


class HoldOut(Section):
    held_out: HeldOut = HeldOut()
    seed: Seed = Field(0, description="of the draw of families")


class Train(Section):
    method: Method = Field(description="the method's entry")
    layer: Positive = Field(1, description="l*, an index from 1; only IB-FT reads it")
    training: Training = Training()
    profile: Profile = Field("chat", description="prompt profile")
    precision: Precision = Field("float32", description="of the frozen weights")
    held_out_points: Few = Field(4, description="evaluations of held-out examples, the last after the last step")
    seed: Seed = 0


class MeasureNll(Section):
    profile: Profile = Field("chat", description="prompt profile")
    max_length: Positive = Field(2048, description="tokens per example; longer ones are cut")
    batch_tokens: Tokens = Field(4096, description="tokens per forward pass, or auto")
    precision: Precision = Field("float32", description="of the weights and the forward pass")


class DetectMembers(Section):
    barrier: Barrier
    k: Positive = Field(20, description="the k of Min-K% Prob")
    scope: Scope = Field("sequence", description="tokens that were scored: their text is what zlib compresses")
    exposures: dict[Name, float] = Field(description="how often each model was shown the members")


class EstimateBarrier(Section):
    barrier: Barrier
    measured_on: tuple[Name, ...] = Field(min_length=1, description="to compare arms on, the primary one first")
    labels: dict[str, Any] = Field({}, description="an `ibft.labels.Labels`")


class MeasureGeometry(Section):
    geometry: Geometry = Geometry()
    layer: Positive = Field(description="an index from 1")
    k: Positive = Field(20, description="the k of Min-K% Prob that groups")
    max_length: Positive = Field(2048, description="tokens per example; longer ones are cut")
    batch_tokens: Tokens = Field(4096, description="tokens per forward pass, or auto")
    precision: Precision = Field("float32", description="of the weights and the forward pass")
    seed: Seed = Field(0, description="of the pairs")


class Sample(Section):
    variant: str = Field(description="MODEL/DATASET/METHOD/seedSEED; part of the seed of every sample")
    temperature: Temperature
    sampling: Sampling = Sampling()
    profile: Profile = Field("chat", description="prompt profile")
    precision: Precision = Field("float32", description="of the weights")


class SampleApi(Section):
    variant: str = Field(description="MODEL/DATASET/base/seed0; part of the seed of every sample")
    temperature: Temperature
    model: str = Field(description="as the server calls it")
    api: Api = Api()
    sampling: Sampling = Sampling()
    profile: Profile = Field("reasoning", description="prompt profile")


class MeasureReferences(Section):
    execution: Execution = Execution()


class Execute(Section):
    execution: Execution = Execution()
    as_is: bool = Field(False, description="run completions without a look for code fences and headers in them")


class CountPasses(Section):
    runs: list[Any] = Field(description="products of the values of `ibft.paths.Run`: each stands for all combinations")


class ComputeMetrics(Section):
    metrics: Metrics = Metrics()
    reference: str = Field(REFERENCE, description="method that the others are compared with")
    swept: tuple[str, ...] = Field((), description="points of sweeps: corrected as a family of their own")


class WriteTables(Section):
    metrics: Metrics = Metrics()
    labels: dict[str, Any] = Field({}, description="an `ibft.labels.Labels`")


class WritePaperTable(Section):
    layout: Literal["table_1", "table_A1"]
    labels: dict[str, Any] = Field({}, description="an `ibft.labels.Labels`")


class DrawFigure(Section):
    figure: str
    settings: dict[str, Any] = Field({}, description="the section of the configuration that it reads")
    labels: dict[str, Any] = Field({}, description="an `ibft.labels.Labels`")
    subject: str = Field("", description="for the title: the model and dataset that the figure is about")


class WriteReport(Section):
    config: dict[str, Any] = Field(description="the configuration")
    labels: dict[str, Any] = Field({}, description="an `ibft.labels.Labels`")


def job_parser(doc: str | None, spec: type[Section], *, several: bool = False) -> argparse.ArgumentParser:
    """Return a parser with `--job`, which takes a `spec` as JSON, or several, and the options of every stage."""
    parser = stage_parser(f"{doc or ''}\nkeys of --job:\n{_keys(spec)}")
    parser.add_argument(
        "--job",
        type=spec_reader(spec),
        nargs="+" if several else None,
        required=True,
        metavar="JSON",
        help="settings of this job, as JSON or as @FILE",
    )
    return parser


def spec_reader(spec: type[Spec]) -> Callable[[str], Spec]:
    """Return an argparse type that reads a `spec` from JSON, or from the file that @FILE names."""

    def read(text: str) -> Spec:
        try:
            return spec.model_validate_json(Path(text[1:]).read_text() if text.startswith("@") else text)
        except ValidationError as error:
            raise argparse.ArgumentTypeError("; ".join(sentences(error, spec))) from None
        except OSError as error:
            raise argparse.ArgumentTypeError(f"{text[1:]} cannot be read: {error.strerror}") from None

    return read


def _keys(spec: type[Section]) -> str:
    """List the keys of a specification, a line each; of a section within it, the keys that it takes."""
    return "\n".join(_line(name, field) for name, field in spec.model_fields.items())


def _line(name: str, field: FieldInfo) -> str:
    own: Any = field.annotation
    is_section = isinstance(own, type) and issubclass(own, Section)
    told = [field.description or "", f"{{{', '.join(own.model_fields)}}}" if is_section else ""]
    text = " ".join(filter(None, ["required:" if field.is_required() else "", *told]))
    return textwrap.fill(text, 100, initial_indent=f"  {name:16}", subsequent_indent=" " * 18)
