"""Draw n completions of every problem of a benchmark from one model, at one temperature, in each of several trials.

    python workflow/scripts/sample.py --model results/models/smollm2 --adapter ADAPTER --problems problems.parquet \\
        --profile chat --settings '{"n": 10}' --variant smollm2/rtl/ft/0 --benchmark rtl-mini --temperature 0.2 \\
        --outputs trial0.parquet trial1.parquet

Writes one table `samples` per trial, ordered by problem and sample. Trials that are there already, drawn from the same
inputs by the same code, are left as they are. A killed run continues after its finished problems.
"""

import argparse
import logging
import time
from pathlib import Path
from typing import Any

from ibft import storage
from ibft.config import Sampling
from ibft.errors import UserError
from ibft.journal import Journal, journal_key, journal_path
from ibft.manifests import manifest_path, read_manifest, verify
from ibft.models.loading import use_threads
from ibft.profiles import Profile, get_profile
from ibft.progress import track
from ibft.sampling.engine import Decoding, Engine, Prompt
from ibft.sampling.engines import open_engine
from ibft.sampling.requests import Draw, decoding_for, prompts_for, sample_rows
from ibft.stage import run_stage, stage_parser
from ibft.tables import PROBLEMS, SAMPLES

logger = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    parser = stage_parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of a prepared model")
    parser.add_argument("--adapter", type=Path, help="folder of a LoRA adapter to put on top")
    parser.add_argument("--precision", default="float32", help="of the weights: float32, bfloat16 or float16")
    parser.add_argument("--problems", type=Path, required=True, help="table `problems`")
    parser.add_argument("--profile", required=True, help="prompt profile")
    parser.add_argument("--settings", default="{}", help="section `sampling` of the configuration, as JSON")
    parser.add_argument("--variant", required=True, help="model, dataset, method and training seed; part of the seeds")
    parser.add_argument("--benchmark", required=True, help="name of the benchmark; part of the seeds")
    parser.add_argument("--temperature", type=float, required=True)
    parser.add_argument("--threads", type=int, default=1, help="CPU cores to use")
    parser.add_argument(
        "--outputs", type=Path, nargs="+", required=True, help="a table `samples` for each trial from 0"
    )
    return parser


def main(arguments: argparse.Namespace) -> None:
    started = time.monotonic()
    settings = Sampling.model_validate_json(arguments.settings)
    profile = get_profile(arguments.profile)
    draw = Draw(arguments.variant, arguments.benchmark, arguments.temperature)
    problems = list(storage.read_table(arguments.problems, PROBLEMS).itertuples(index=False))
    if not problems:
        raise UserError(f"{arguments.problems} holds no problem to sample")
    use_threads(arguments.threads)
    engine = open_engine(
        settings.engine,
        arguments.model,
        arguments.adapter,
        precision=arguments.precision,
        batch_size=settings.batch_size,
        threads=arguments.threads,
    )
    decoding = decoding_for(
        profile,
        engine.tokenizer,
        problems[0].language,
        temperature=arguments.temperature,
        top_p=settings.top_p,
        max_new_tokens=settings.max_new_tokens,
    )
    inputs = [path for path in (arguments.model, arguments.adapter, arguments.problems) if path]
    settled = repr((profile.name, draw, settings.n, decoding))
    key = journal_key(Path(__file__), inputs, settled, arguments.precision, engine.version)
    wanted = _absent(arguments.outputs, key)
    if not wanted:
        return
    prompts = prompts_for(problems, profile, engine.tokenizer, draw, list(wanted), settings.n)
    with Journal(journal_path(arguments.outputs[0]), key) as journal:
        _sample_what_is_missing(engine, prompts, problems, profile, decoding, journal, list(wanted))
        rows_of = {(entry["task_id"], entry["trial"]): entry["rows"] for entry in journal.entries()}
        seconds = round(time.monotonic() - started, 1)
        for trial, output in wanted.items():
            rows = [row for problem in problems for row in rows_of[problem.task_id, trial]]
            truncated = sum(row["finish_reason"] == "length" for row in rows)
            logger.info("%d of %d samples reached %d tokens", truncated, len(rows), settings.max_new_tokens)
            storage.write_table(output, SAMPLES, rows, key=key, seconds=seconds)
        journal.remove()


def _absent(outputs: list[Path], key: str) -> dict[int, Path]:
    """The trials, and their outputs, that are not there yet as `key` would have them. The others count as made now."""
    absent = {}
    for trial, output in enumerate(outputs):
        if output.exists() and manifest_path(output).exists() and read_manifest(output).get("key") == key:
            verify(output)
            output.touch()
            logger.info("%s is drawn already", output)
        else:
            absent[trial] = output
    return absent


def _sample_what_is_missing(
    engine: Engine,
    prompts: list[Prompt],
    problems: list[Any],
    profile: Profile,
    decoding: Decoding,
    journal: Journal,
    trials: list[int],
) -> None:
    """Append one journal entry per problem and trial, for each problem that lacks one."""
    asked = {prompt.task_id: (prompt, problem) for prompt, problem in zip(prompts, problems, strict=True)}
    known = {(entry["task_id"], entry["trial"]) for entry in journal.entries()}
    finished = [task for task in asked if all((task, trial) in known for trial in trials)]
    missing = [prompt for prompt in prompts if prompt.task_id not in finished]
    total, done = (sum(len(asked[task][0].seeds) for task in tasks) for tasks in (asked, finished))
    tokens, started = 0, time.monotonic()
    drawn = engine.sample(missing, decoding)
    for completions in track(drawn, "sampling", unit="samples", total=total, done=done, size=len):
        prompt, problem = asked[completions[0].task_id]
        n = len(completions) // len(trials)
        rows = sample_rows(completions, prompt, problem, profile, engine, n)
        for place, trial in enumerate(trials):
            journal.append({"task_id": problem.task_id, "trial": trial, "rows": rows[place * n : (place + 1) * n]})
        tokens += sum(row["completion_tokens"] for row in rows)
    logger.info("%d tokens, %.0f tokens/s", tokens, tokens / (time.monotonic() - started))


if __name__ == "__main__":
    run_stage(main, parser())
