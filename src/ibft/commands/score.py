"""`ibft score`: judge anyone's completions of a known benchmark and print Pass@k, Pass@k^(m) and status counts."""

import argparse
import hashlib
import json
import logging
import os
import tempfile
from pathlib import Path

import pandas as pd
from pydantic import ValidationError

from ibft.config.loading import read_yaml
from ibft.config.messages import sentences
from ibft.config.sections import FORMATS_OF, Benchmark, Execution, Metrics
from ibft.data.answers import Answers, opened
from ibft.data.benchmarks import prepare_benchmark
from ibft.data.sample_formats import SAMPLE_FORMATS, Exported, write_samples
from ibft.execution.judge import Judge
from ibft.execution.tests_key import FILE_NAME, tests_key
from ibft.execution.verdict import Status
from ibft.execution.verdict_table import Tally, write_verdicts
from ibft.labels import plain
from ibft.metrics.pass_at_k import pass_at_k_m
from ibft.runtime.errors import UserError
from ibft.tables.render import terminal_table
from ibft.visible import visible

logger = logging.getLogger(__name__)

BENCHMARKS = ("eval-human", "eval-machine", "humaneval", "rtl-mini")
_VERILOG_EVAL = "https://raw.githubusercontent.com/NVlabs/verilog-eval/v1.0.0"
_SHA256 = {
    "VerilogEval_Human.jsonl": "107f72c41e88478975887bdd3229b394ace139a84ba430f019220a5ee303b862",
    "VerilogEval_Machine.jsonl": "3070a6dce8ae5eeaaace0586b33074f54f132cb902b6b88acbc2fec2187af044",
    "VerilogDescription_Human.jsonl": "4dfea61f03d353a60f6b7ead5ec21f6f9aff42487a57a50882137f68aa206274",
    "VerilogDescription_Machine.jsonl": "4cb71de1821dad12b0a16c9b0daac5df27c0601c126e350a0afc46a457b8ade4",
}
_WORKERS_ANYWHERE, _WORKERS_PER_CORE = 64, 4
_LONGEST_SUFFIX = ".manifest.json.tmp"  # of the names that are written beside the table
Count = tuple[int, int]  # n samples, c of which passed


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("score", help="judge completions", description=__doc__)
    parser.add_argument(
        "samples",
        type=Path,
        help="JSON Lines with task_id and completion (or evalplus's solution), n lines per problem; lm-eval's log of "
        "samples; or a folder with a folder of files per problem",
    )
    parser.add_argument(
        "--benchmark",
        required=True,
        metavar="NAME",
        help=f"{', '.join(BENCHMARKS)}; path:FILE or path:FOLDER of a known --format; or a name in --config",
    )
    formats = [name for names in FORMATS_OF.values() for name in names]
    parser.add_argument("--format", choices=formats, help="of a benchmark path:FILE or path:FOLDER")
    parser.add_argument("--config", type=Path, help="YAML file whose section `benchmarks` holds the benchmark")
    parser.add_argument(
        "--problems", type=Path, help="folder that holds VerilogEval's JSON Lines files; else they are fetched"
    )
    parser.add_argument("--out", type=Path, required=True, help="Parquet file: one row per sample")
    parser.add_argument(
        "--export", choices=tuple(SAMPLE_FORMATS), help="also write the samples in this form, beside --out"
    )
    parser.add_argument("--workers", type=int, default=2, help="completions judged at the same time (default: 2)")
    parser.add_argument("--as-is", action="store_true", help="run completions without looking for fences or headers")
    parser.add_argument(
        "--isolation", choices=("namespaces", "landlock", "rlimits"), help="instead of the strongest level that starts"
    )
    for name, kind in (("python_timeout_s", float), ("verilog_timeout_s", float), ("memory_mb", int)):
        default = Execution.model_fields[name].default
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default, help=f"(default: {default})")
    parser.add_argument("--allow-unsafe", action="store_true", help="accept isolation level rlimits")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Judge, write the table, print the summary. What is wrong with the input is told before anything is judged.

    Raises:
        UserError: an option, the samples, the problems or the output is not what it must be.
    """
    settings = checked_settings(arguments)
    check_output(arguments.out, arguments.samples)
    check_export(arguments)
    with opened(arguments.samples) as answers:
        problems = prepare_benchmark(chosen_benchmark(arguments))
        known = set(problems["task_id"])
        total = sum(1 for _ in answers.read(known))
        if not total:
            raise UserError(f"{arguments.samples} holds no sample")
        judge_all(arguments, settings, problems, answers, total)


def checked_settings(arguments: argparse.Namespace) -> Execution:
    """The limits of one sample.

    Raises:
        UserError: an option is out of its range, or contradicts another.
    """
    most_workers = max(_WORKERS_ANYWHERE, _WORKERS_PER_CORE * (os.cpu_count() or 1))
    if not 1 <= arguments.workers <= most_workers:
        raise UserError(f"--workers: valid on this machine are 1 to {most_workers} (found {arguments.workers})")
    try:
        settings = Execution(**{name: getattr(arguments, name) for name in Execution.model_fields})
    except ValidationError as error:
        told = [each.partition(":") for each in sentences(error, Execution)]
        raise UserError("; ".join(f"--{key.replace('_', '-')}:{why}" for key, _, why in told)) from None
    if arguments.isolation == "rlimits" and not settings.allow_unsafe:
        raise UserError("isolation level rlimits sets resource limits only: it needs --allow-unsafe")
    return settings


def check_output(path: Path, samples: Path) -> None:
    """Raise `UserError` unless `path` can be written and is not the file that is to be read."""
    try:
        if path.exists() and not path.is_file():
            raise UserError(f"--out: {path} is no file: name the Parquet file to write")
        if path.exists() and samples.exists() and path.samefile(samples):
            raise UserError(f"--out: {path} holds the samples, which would be lost: name another file")
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=_LONGEST_SUFFIX):
            pass
    except (OSError, ValueError) as error:
        raise UserError(f"--out: {path} cannot be written: {getattr(error, 'strerror', error)}") from None


def export_path(arguments: argparse.Namespace) -> Path:
    """Return the path that the samples are written to in the form of --export."""
    name = arguments.export if arguments.export == "folder" else f"{arguments.export}.jsonl"
    path: Path = arguments.out.with_name(f"{arguments.out.stem}.{name}")
    return path


def check_export(arguments: argparse.Namespace) -> None:
    """Raise `UserError` if exported samples would replace the samples that are read, or a folder that is not empty."""
    if arguments.export is None:
        return
    path, samples = export_path(arguments), arguments.samples
    if path.exists() and samples.exists() and path.samefile(samples):
        raise UserError(f"--export: {path} holds the samples, which would be lost: give --out another name")
    if path.is_dir() and (arguments.export != "folder" or any(path.iterdir())):
        raise UserError(f"--export: {path} is a folder in use: delete it, or give --out another name")


def judge_all(
    arguments: argparse.Namespace, settings: Execution, problems: pd.DataFrame, answers: Answers, total: int
) -> None:
    known = set(problems["task_id"])
    secret = tests_key(arguments.out.with_name(FILE_NAME))
    with Judge(
        problems, settings, arguments.workers, key=secret, level=arguments.isolation, as_is=arguments.as_is
    ) as judge:
        content = hashlib.sha256(problems.to_json().encode()).hexdigest()
        decisive = [arguments.benchmark, content, arguments.as_is, settings.decisive(), judge.isolation, secret.hex()]
        key = json.dumps([answers.digest(), *decisive])
        samples = answers.read(known)
        tally = write_verdicts(arguments.out, judge, samples, settings, key, total=total, with_times=True)
        exported = _exported(arguments, judge, answers, known)
    print(summary(judge, tally), *(f"written to {path}" for path in (arguments.out, *exported)), sep="\n")


def _exported(arguments: argparse.Namespace, judge: Judge, answers: Answers, known: set[str]) -> list[Path]:
    """Write the samples in the form that was asked for; where, if one was."""
    if arguments.export is None:
        return []
    samples = (Exported(task_id, text, judge.program(task_id, text)) for task_id, _, text in answers.read(known))
    path = export_path(arguments)
    write_samples(arguments.export, path, samples, min(judge.languages))
    return [path]


def chosen_benchmark(arguments: argparse.Namespace) -> Benchmark:
    """Return the config entry of the benchmark that the options name.

    Raises:
        UserError: there is no such benchmark, or an option does not go with it.
    """
    name: str = arguments.benchmark
    if arguments.config is not None:
        return _configured(name, arguments.config)
    if name.startswith("path:"):
        languages = [language for language, formats in FORMATS_OF.items() if arguments.format in formats]
        if not languages:
            raise UserError(f"--benchmark {name} needs --format: {', '.join(sum(FORMATS_OF.values(), ()))}")
        return Benchmark(source=name, language=languages[0], format=arguments.format)
    if name not in BENCHMARKS:
        raise UserError(
            f"--benchmark: {name!r} is unknown; valid are {', '.join(BENCHMARKS)}, path:FILE and path:FOLDER"
        )
    return known_benchmark(name, arguments.problems)


def _configured(name: str, config: Path) -> Benchmark:
    found = read_yaml(config).get("benchmarks") or {}
    if name not in found:
        raise UserError(f"{config} has no benchmark {name!r}; it has {', '.join(found) or 'none'}")
    try:
        return Benchmark.model_validate(found[name])
    except ValidationError as error:
        raise UserError(f"{config}: " + "; ".join(sentences(error, Benchmark))) from None


def known_benchmark(name: str, folder: Path | None) -> Benchmark:
    """The config entry of a benchmark by its name on the command line; VerilogEval from `folder` or the web."""
    if name in ("humaneval", "rtl-mini"):
        if folder is not None:
            raise UserError(f"--problems: {name} is part of ibft; leave the option out")
        return Benchmark(source=f"builtin:{name}", language="python" if name == "humaneval" else "verilog")
    half = name.removeprefix("eval-").capitalize()
    records, descriptions = f"VerilogEval_{half}.jsonl", f"VerilogDescription_{half}.jsonl"
    return Benchmark(
        source=f"path:{folder / records}" if folder else f"url:{_VERILOG_EVAL}/data/{records}",
        sha256=_SHA256[records],
        descriptions=f"path:{folder / descriptions}" if folder else f"url:{_VERILOG_EVAL}/descriptions/{descriptions}",
        descriptions_sha256=_SHA256[descriptions],
        language="verilog",
    )


def summary(judge: Judge, tally: Tally) -> str:
    """Both verdicts' metrics, each over the problems that it counts, and what a reader must know of them."""
    judged = [task_id for task_id in tally.n if task_id not in judge.excluded]
    verdicts = {
        "hardened verdict": _metrics([(tally.n[t], tally.c[t]) for t in judged]),
        "official verdict": _metrics([(tally.n[t], tally.official_c[t]) for t in tally.n]),
    }
    names = dict.fromkeys(name for metrics in verdicts.values() for name in metrics)
    rows = [[name, *(metrics.get(name, "–") for metrics in verdicts.values())] for name in names]
    statuses = [f"{status}: {tally.statuses[status]}" for status in Status if tally.statuses[status]]
    lines = [terminal_table([("", False), *((verdict, True) for verdict in verdicts)], rows)]
    lines += [f"status counts: {', '.join(statuses)}"]
    lines += [f"hardened and official verdict differ on {tally.disagreements} of {sum(tally.n.values())} samples"]
    lines += [
        f"excluded, because it cannot be judged here: {visible(task_id)} ({reason})"
        for task_id, reason in judge.excluded.items()
    ]
    lines += [f"counted, but a constant passes: {visible(task_id)}" for task_id in judge.constant_passes]
    return "\n".join([*lines, f"isolation level {judge.isolation}"])


def _metrics(counts: list[Count]) -> dict[str, str]:
    """Pass@k and Pass@k^(m) in percent, for every configured k and m that all problems have enough samples for."""
    n = min((n for n, _ in counts), default=0)
    defaults = Metrics()
    wanted = [(k, 1) for k in defaults.k if k <= n]
    wanted += [(k, m) for k, _ in wanted for m in range(2, k + 1)]
    passed = sum(c for _, c in counts)
    row = {"passed": f"{passed} of {sum(n for n, _ in counts)}", "problems": str(len(counts))}
    for k, m in wanted:
        estimate = sum(pass_at_k_m(n, c, k, m) for n, c in counts) / len(counts)
        row[plain(k, m)] = f"{100 * estimate:.1f}"
    return row
