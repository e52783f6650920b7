"""The cost model of jobs: seconds and bytes from the configuration, corrected by jobs that have been measured."""

import csv
import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from ibft.config.config import Config
from ibft.config.sections import Server
from ibft.config.targets import SAMPLE_PREFIX, TOGETHER_PREFIX
from ibft.plan import assumptions as assumed
from ibft.plan.jobs import Job
from ibft.store.manifests import manifest_path, read_manifest
from ibft.store.parquet import count_rows


@dataclass(frozen=True)
class Cost:
    seconds: float
    disk: float  # bytes of the outputs


class CostModel:
    """Estimates for the jobs of one configuration, whose results lie below `folder`, Snakemake's working directory."""

    def __init__(self, config: Config, folder: Path, card: str = assumed.UNNAMED_CARD) -> None:
        """
        Args:
            card: a GPU, one of `ibft.plan.assumptions.CARDS`.
        """
        self.config = config
        self.results = folder / config.results
        self.card = assumed.CARDS[card]
        self.starts_warm = config.compute.warm_start and not config.compute.gpus

    def cost(self, job: Job) -> Cost:
        """Estimate the cost of `job` by the assumptions alone."""
        of_rule = {
            "prepare_model": self._prepare_model,
            "prepare_dataset": self._prepare_dataset,
            "score_memorization": self._score_memorization,
            "score_gradients": self._score_gradients,
            "trace_tokens": self._trace_tokens,
            "measure_influence": self._measure_influence,
            "write_audit": self._write_audit,
            "train": self._train,
            "expose_model": self._expose_model,
            "measure_nll": self._measure_nll,
            "measure_geometry": self._measure_geometry,
            "execute": self._execute,
        }
        if job.rule.startswith(SAMPLE_PREFIX):
            return self._sample(job)
        if job.rule.startswith(TOGETHER_PREFIX):
            return self._train_together(job)
        if job.rule not in of_rule:
            return Cost(self._small_job_s, assumed.SMALL_FILE)
        return of_rule[job.rule](job)

    def parameters(self, model: str) -> float:
        """Count the parameters of a prepared model; of another, read them off its name or source: 7b, 135m."""
        prepared = self.results / "models" / model
        if manifest_path(prepared).exists():
            facts = read_manifest(prepared)
            return float(12 * facts["layers"] * facts["width"] ** 2 + facts["vocabulary"] * facts["width"])
        for text in (model, self.config.models[model].source):
            size = re.search(r"(\d+(?:\.\d+)?)([bm])(?![a-z])", text.lower())
            if size:
                return float(size[1]) * {"b": 1e9, "m": 1e6}[size[2]]
        return assumed.PARAMETERS

    def rows(self, dataset: str) -> int:
        """As prepared, or as configured, or as the hub's data set is known to have."""
        prepared = self.results / "examples" / f"{dataset}.parquet"
        if prepared.exists():
            return count_rows(prepared)
        entry = self.config.datasets[dataset]
        if entry.families and entry.rounds:  # an example of each family in each round
            drawn = (entry.families[1] - entry.families[0]) * (entry.rounds[1] - entry.rounds[0])
            return min(drawn, entry.examples or drawn)
        if entry.mixture and not entry.examples:  # as many as the weights allow
            whole = sum(entry.mixture.values())
            return min(int(self.rows(part) * whole / weight) for part, weight in entry.mixture.items())
        return entry.examples or assumed.ROWS.get(self._place(dataset), assumed.UNKNOWN_ROWS)

    def problems(self, benchmark: str) -> int:
        prepared = self.results / "problems" / f"{benchmark}.parquet"
        if prepared.exists():
            return count_rows(prepared)
        known = assumed.PROBLEMS.get(benchmark, assumed.UNKNOWN_PROBLEMS)
        return self.config.benchmarks[benchmark].problems or known

    def _prepare_model(self, job: Job) -> Cost:
        weights = self._weights(job.wildcards["model"])
        return Cost(assumed.START_S + weights / assumed.DOWNLOAD, weights)

    def _prepare_dataset(self, job: Job) -> Cost:
        rows = self.rows(job.wildcards["dataset"])
        return Cost(self._small_job_s + rows / 1e4, rows * assumed.BYTES_PER_EXAMPLE)

    def _score_memorization(self, job: Job) -> Cost:
        """One forward pass over the shard: two operations per parameter and token."""
        rows = self.rows(job.wildcards["dataset"]) / _parts(job)
        memorization = self.config.memorization
        work = 2 * rows * self._tokens(job.wildcards["dataset"], memorization.max_length, memorization.profile)
        disk = rows * assumed.BYTES_PER_SCORE * len(self.config.memorization.k)
        return Cost(self._passes(job, work), disk)

    def _score_gradients(self, job: Job) -> Cost:
        """Forward and backward for each initialisation, and the warm-up, as in training.

        On a GPU layers are computed again in the backward pass, to save memory: half as much more.
        """
        settings = self.config.gradients
        rows = self.rows(job.wildcards["dataset"]) / _parts(job)
        training = self.config.training_of(job.wildcards["model"], job.wildcards["dataset"])
        scored = settings.initialisations * (rows + settings.warmup_steps * training.batch_size)
        tokens = scored * self._tokens(job.wildcards["dataset"], training.max_length, self._profile(job))
        work = (6 if job.gpus else 4) * tokens
        return Cost(self._passes(job, work, trained=True), rows * assumed.BYTES_PER_SCORE)

    def _trace_tokens(self, job: Job) -> Cost:
        """One forward pass over the examples as plain text, and one in the training prompt."""
        dataset, longest = job.wildcards["examples"], self.config.memorization.max_length
        rows = self.rows(dataset)
        tokens = rows * sum(self._tokens(dataset, longest, profile) for profile in ("plain", self._profile(job)))
        return Cost(self._passes(job, 2 * tokens), tokens * assumed.BYTES_PER_TRACED_TOKEN)

    def _measure_influence(self, job: Job) -> Cost:
        """Forward and backward over every example, the held-out ones among them, and the warm-up."""
        model, dataset, settings = job.wildcards["model"], job.wildcards["dataset"], self.config.gradients
        training = self.config.training_of(model, dataset)
        rows = self.rows(dataset) + settings.warmup_steps * training.batch_size
        tokens = rows * self._tokens(dataset, training.max_length, self._profile(job))
        work = (6 if job.gpus else 4) * settings.initialisations * tokens
        return Cost(self._passes(job, work, trained=True), rows * assumed.BYTES_PER_SCORE)

    def _write_audit(self, job: Job) -> Cost:
        rows = self.rows(job.wildcards["dataset"])
        return Cost(self._small_job_s + rows * assumed.AUDIT_S_PER_EXAMPLE, assumed.SMALL_FILE)

    def _train(self, job: Job) -> Cost:
        """Forward and backward over the kept examples in every epoch: four operations per parameter and token.

        LoRA leaves the gradient of the frozen weights out, which would be two more.
        """
        model, dataset = job.wildcards["model"], job.wildcards["dataset"]
        training = self.config.training_of(model, dataset, job.wildcards["method"])
        method = self.config.methods.get(job.wildcards["method"])  # an exposure is none
        selection = method.selection if method else None
        kept = selection.keep_fraction if selection and training.updates != "all-examples" else 1.0
        shown = self.rows(dataset) * kept * training.epochs
        if isinstance(training.updates, int):
            shown = training.updates * training.batch_size
        work = 4 * shown * self._tokens(dataset, training.max_length, self._profile(job))
        layers = self.config.models[model].layers
        width = math.sqrt(self.parameters(model) / (12 * layers))
        adapter = 4 * 19 * width * training.lora.rank * layers  # float32; 19: the widths of the seven projections
        return Cost(self._passes(job, work, trained=True), adapter)

    def _train_together(self, job: Job) -> Cost:
        """It takes as long as one after the other, but for the starts: a core multiplies no faster for more rows."""
        adapters = [path.split("/")[-6:-2] for path in job.outputs if path.endswith("/adapter/manifest.json")]
        costs = [
            self._train(replace(job, wildcards={"model": model, "dataset": dataset, "method": method}))
            for model, dataset, method, _ in adapters
        ]
        starts = (len(costs) - 1) * self._start(adapters[0][0])
        return Cost(sum(cost.seconds for cost in costs) - starts, sum(cost.disk for cost in costs))

    def _measure_nll(self, job: Job) -> Cost:
        """One forward pass over the examples of each dataset that an experiment measures its models on."""
        model, dataset = job.wildcards["model"], job.wildcards["dataset"]
        longest, profile = self.config.training_of(model, dataset).max_length, self._profile(job)
        measured_on = self.config.experiment_of(model, dataset).measured_on
        rows = {name: self.rows(name) for name in measured_on}
        tokens = sum(count * self._tokens(name, longest, profile) for name, count in rows.items())
        return Cost(self._passes(job, 2 * tokens), sum(rows.values()) * assumed.BYTES_PER_SCORE)

    def _expose_model(self, job: Job) -> Cost:
        """Read the weights, merge, and write them."""
        weights = self._weights(job.wildcards["model"])
        return Cost(self._start(job.wildcards["model"]) + weights / assumed.READING, weights)

    def _measure_geometry(self, job: Job) -> Cost:
        settings = self.config.geometry
        measured = 2 * min(settings.pairs, settings.group * self.rows(job.wildcards["dataset"]))
        work = 2 * measured * self._tokens(job.wildcards["dataset"], self.config.memorization.max_length)
        return Cost(self._passes(job, work), assumed.SMALL_FILE)

    def _sample(self, job: Job) -> Cost:
        """Every trial of one variant at one temperature, on each benchmark of its experiment."""
        model, dataset = job.wildcards["model"], job.wildcards["dataset"]
        benchmarks = self.config.experiment_of(model, dataset).benchmarks
        trials = len(job.outputs) / len(benchmarks)
        is_base = self.config.methods[job.wildcards["method"]].kind == "base" and model not in self.config.exposures
        counts = {benchmark: trials * self._completions(model, dataset, benchmark) for benchmark in benchmarks}
        tokens = sum(
            count * self._completion_tokens(model, dataset, benchmark, is_base=is_base)
            for benchmark, count in counts.items()
        )
        completions = sum(counts.values())
        if (server := self.config.models[model].server) is not None:
            longest = self.config.sampling_of(model, dataset).max_new_tokens
            return self._asking(server, completions, tokens, completions * longest)
        return self._decoding(job, model, completions, tokens)

    def _decoding(self, job: Job, model: str, completions: float, tokens: float) -> Cost:
        """As many tokens at a time as the batch holds."""
        work = assumed.GPU_DECODING * self.card.bandwidth if job.gpus else assumed.CORE_DECODING
        uses_vllm = job.gpus and self.config.sampling.engine != "transformers"
        start = self._start(model) + (assumed.VLLM_START_S if uses_vllm else 0)
        seconds = start + tokens * self.parameters(model) / (work * (job.gpus or job.threads))
        return Cost(seconds, completions * assumed.BYTES_PER_COMPLETION)

    def _asking(self, server: Server, completions: float, tokens: float, reserved: float) -> Cost:
        """As many requests at a time as the server is asked, and no more of them or of tokens than a minute allows."""
        paces = [tokens / (assumed.API_DECODING * server.concurrency)]
        paces += [60 * completions / server.requests_per_minute] if server.requests_per_minute else []
        paces += [60 * reserved / server.tokens_per_minute] if server.tokens_per_minute else []
        return Cost(assumed.SMALL_JOB_S + max(paces), completions * assumed.BYTES_PER_COMPLETION)

    def _completions(self, model: str, dataset: str, benchmark: str) -> int:
        """Count the completions of one trial."""
        return self.problems(benchmark) * self.config.sampling_of(model, dataset).n

    def _completion_tokens(self, model: str, dataset: str, benchmark: str, *, is_base: bool) -> float:
        """Estimate by what the model was fine-tuned on; in a chat about the other language it writes to the limit."""
        longest = self.config.sampling_of(model, dataset).max_new_tokens
        languages = {self.config.datasets[dataset].language, self.config.benchmarks[benchmark].language}
        if languages == {"python", "verilog"} and self.config.sampling_profile_of(model, dataset) != "ibft":
            return longest
        known = assumed.TOKENS_OF_DATASET.get(self._place(dataset))
        tokens = known * assumed.RESPONSE_SHARE if known else assumed.TOKENS_PER_COMPLETION
        return min(tokens * (assumed.BASE_TIMES if is_base else 1), longest)

    def _execute(self, job: Job) -> Cost:
        model, dataset, method, benchmark = (job.wildcards[n] for n in ("model", "dataset", "method", "benchmark"))
        if method in self.config.imported_samples:  # how many there are, nobody has counted
            completions = self.problems(benchmark) * self.config.sampling.n
        else:
            completions = self._completions(model, dataset, benchmark)
        seconds = self._small_job_s + completions / (assumed.JUDGED_PER_SECOND * job.threads)
        return Cost(seconds, completions * assumed.BYTES_PER_COMPLETION)

    def _passes(self, job: Job, work: float, *, trained: bool = False) -> float:
        """Seconds for `work` operations per parameter of the job's model."""
        if job.gpus:
            speed = self.card.flops * job.gpus * (assumed.TRAINING_SHARE if trained else assumed.SCORING_SHARE)
        else:
            speed = job.threads * (assumed.CORE_TRAINING_FLOPS if trained else assumed.CORE_SCORING_FLOPS)
        return self._start(job.wildcards["model"]) + work * self.parameters(job.wildcards["model"]) / speed

    def _start(self, model: str) -> float:
        imports = assumed.WARM_START_S if self.starts_warm else assumed.START_S
        return imports + self._weights(model) / assumed.READING

    @property
    def _small_job_s(self) -> float:
        return assumed.WARM_SMALL_JOB_S if self.starts_warm else assumed.SMALL_JOB_S

    def _weights(self, model: str) -> float:
        """Bytes: two per parameter on the hub, four where the weights are kept in float32."""
        entry = self.config.models[model]
        return self.parameters(model) * (2 if entry.source.startswith("hub:") else 4)

    def _tokens(self, dataset: str, max_length: int, profile: str = "plain") -> float:
        """Tokens of an example and of what the prompt of `profile` puts around it."""
        entry = self.config.datasets[dataset]
        known = assumed.TOKENS_OF_DATASET.get(self._place(dataset), assumed.TOKENS_PER_EXAMPLE)
        longest = (entry.longest_response or math.inf) / assumed.CHARACTERS_PER_TOKEN
        return min(known, longest, max_length) + self._tokens_around(profile)

    def _tokens_around(self, profile: str) -> int:
        if profile == "plain":
            return 0
        return assumed.TOKENS_OF_PROFILE.get(profile, assumed.TOKENS_OF_OTHER_PROFILES)

    def _profile(self, job: Job) -> str:
        """Return the profile by which a job shows examples to its model."""
        exposure = self.config.exposures.get(job.wildcards.get("method", ""))
        own = exposure or self.config.experiment_of(job.wildcards["model"], job.wildcards["dataset"])
        return own.profile

    def _place(self, dataset: str) -> str:
        """Return what follows hub:, generated: or path: in the source of a dataset."""
        return self.config.datasets[dataset].source.partition(":")[2]


def _parts(job: Job) -> int:
    """Return the number of parts of a dataset, of which this job scores one."""
    return int(job.wildcards["scatteritem"].partition("-of-")[2])


@dataclass(frozen=True)
class Correction:
    """The measured jobs of one rule took, and were estimated to take, so many seconds."""

    measured: int
    seconds: float
    estimated: float

    @property
    def factor(self) -> float:
        return self.seconds / self.estimated if self.measured else 1.0


UNMEASURED = Correction(0, 0.0, 0.0)


def corrections(model: CostModel, jobs: Iterable[Job], folder: Path) -> Mapping[str, Correction]:
    """By rule, from the benchmark files that earlier runs of these jobs have left below `folder`."""
    sums: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for job in jobs:
        seconds = measured_seconds(folder / job.benchmark) if job.benchmark else None
        if seconds is not None:
            sums[job.rule].append((seconds, model.cost(job).seconds))
    return {
        rule: Correction(len(pairs), sum(found for found, _ in pairs), sum(estimated for _, estimated in pairs))
        for rule, pairs in sums.items()
    }


def measured_seconds(benchmark: Path) -> float | None:
    """The wall time in one of Snakemake's benchmark files; None where there is no such file."""
    if not benchmark.is_file():
        return None
    with benchmark.open(newline="") as lines:
        return float(next(csv.DictReader(lines, delimiter="\t"))["s"])
