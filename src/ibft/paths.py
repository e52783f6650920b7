"""Variants and runs, and the layout of a results folder: where the workflow puts what it makes of them."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import NamedTuple, Self


@dataclass(frozen=True, order=True)
class Variant:
    """One model to evaluate. The seed of a base model is always 0."""

    model: str
    dataset: str
    method: str
    seed: int

    def __str__(self) -> str:
        """The name that folders, seeds of samples and commands use."""
        return f"{self.model}/{self.dataset}/{self.method}/seed{self.seed}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` has written."""
        model, dataset, method, seed = text.split("/")
        return cls(model, dataset, method, int(seed.removeprefix("seed")))


class Run(NamedTuple):
    """One variant, sampled on one benchmark at one temperature, once."""

    model: str
    dataset: str
    method: str
    seed: int
    benchmark: str
    temperature: float
    trial: int

    @property
    def variant(self) -> Variant:
        return Variant(self.model, self.dataset, self.method, self.seed)

    @property
    def path(self) -> PurePosixPath:
        """The place of its table in the folders `samples` and `verdicts`."""
        return PurePosixPath(f"{self.variant}/{self.benchmark}/T{self.temperature:g}/trial{self.trial}.parquet")


@dataclass(frozen=True)
class Results:
    """The layout of the results folder `root`. The rules write there; the graph names what jobs read."""

    root: str

    def model(self, model: str) -> str:
        return f"{self.root}/models/{model}/manifest.json"

    def membership(self, model: str) -> str:
        return f"{self.root}/membership/{model}.parquet"

    def examples(self, dataset: str) -> str:
        return f"{self.root}/examples/{dataset}.parquet"

    def decontaminated(self, dataset: str) -> str:
        return f"{self.root}/decontaminated/{dataset}.parquet"

    def training_examples(self, dataset: str) -> str:
        return f"{self.root}/split/{dataset}/training.parquet"

    def held_out_examples(self, dataset: str) -> str:
        return f"{self.root}/split/{dataset}/held_out.parquet"

    def problems(self, benchmark: str) -> str:
        return f"{self.root}/problems/{benchmark}.parquet"

    def references(self, benchmark: str) -> str:
        return f"{self.root}/references/{benchmark}.parquet"

    def contamination(self, dataset: str, benchmark: str) -> str:
        return f"{self.root}/contamination/{dataset}/{benchmark}.parquet"

    def memorization(self, variant: Variant) -> str:
        return f"{self.root}/memorization/{variant}.parquet"

    def traces(self, model: str, dataset: str, examples: str) -> str:
        """Return the path of what `model` says of the tokens of `examples`: of `dataset`, or of its reference."""
        return f"{self.root}/traces/{model}/{dataset}/{examples}.parquet"

    def audit(self, model: str, dataset: str) -> str:
        return f"{self.root}/audit/{model}/{dataset}.html"

    def influence(self, model: str, dataset: str) -> str:
        return f"{self.root}/influence/{model}/{dataset}.parquet"

    def gradients(self, model: str, dataset: str) -> str:
        return f"{self.root}/gradients/{model}/{dataset}.parquet"

    def gradient_imbalance(self, model: str, dataset: str, table: str) -> str:
        return f"{self.root}/gradient_imbalance/{model}/{dataset}/{table}.parquet"

    def selection(self, model: str, dataset: str, by: str, keep_fraction: float) -> str:
        return f"{self.root}/selection/{model}/{dataset}/{by}-keep{keep_fraction:g}.parquet"

    def adapter(self, variant: Variant) -> str:
        return f"{self.root}/training/{variant}/adapter/manifest.json"

    def prepared_adapter(self, model: str, method: str) -> str:
        """Return the path of an adapter that was not trained here."""
        return f"{self.root}/adapters/{model}/{method}/manifest.json"

    def training_log(self, variant: Variant) -> str:
        return f"{self.root}/training/{variant}/training_log.parquet"

    def held_out(self, variant: Variant) -> str:
        return f"{self.root}/training/{variant}/held_out.parquet"

    def geometry(self, variant: Variant) -> str:
        return f"{self.root}/geometry/{variant}.parquet"

    def nll(self, variant: Variant) -> str:
        return f"{self.root}/nll/{variant}.parquet"

    def barrier(self, table: str) -> str:
        return f"{self.root}/barrier/{table}.parquet"

    def samples(self, run: Run) -> str:
        return f"{self.root}/samples/{run.path}"

    def verdicts(self, run: Run) -> str:
        return f"{self.root}/verdicts/{run.path}"

    def synthesis(self, run: Run) -> str:
        return f"{self.root}/synthesis/{run.path}"

    def metrics(self, target: str, table: str) -> str:
        return f"{self.root}/metrics/{target}/{table}.parquet"

    def table(self, target: str, name: str) -> str:
        """One of the tables for readers, with its suffix."""
        return f"{self.root}/tables/{target}/{name}"

    def figure(self, subject: str, figure: str, kind: str) -> str:
        """A figure of `subject`: a target, or MODEL/DATASET."""
        return f"{self.root}/figures/{subject}/{figure}.{kind}"

    def events(self, place: str) -> str:
        """A folder of TensorBoard's; among the logs, as no stage reads it."""
        return f"{self.root}/logs/tensorboard/{place}"

    @property
    def report(self) -> str:
        return f"{self.root}/report.html"
