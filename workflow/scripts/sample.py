"""Draw n completions of every problem of a benchmark from one model, at one temperature, for one trial.

    python workflow/scripts/sample.py --model results/models/smollm2 --adapter ADAPTER --problems problems.parquet \\
        --profile chat --settings '{"n": 10}' --variant smollm2/rtl/ft/0 --benchmark rtl-mini --temperature 0.2 \\
        --trial 0 --output samples.parquet

Writes the table `samples`, ordered by problem and sample. A killed run continues after its finished problems.
"""

import argparse
import logging
import time
from pathlib import Path

from ibft import storage
from ibft.config import Sampling
from ibft.errors import UserError
from ibft.journal import Journal, journal_key, journal_path
from ibft.models.loading import use_threads
from ibft.profiles import get_profile
from ibft.progress import track
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
    parser.add_argument("--trial", type=int, required=True)
    parser.add_argument("--threads", type=int, default=1, help="CPU cores to use")
    parser.add_argument("--output", type=Path, required=True, help="table `samples`")
    return parser


def main(arguments: argparse.Namespace) -> None:
    settings = Sampling.model_validate_json(arguments.settings)
    profile = get_profile(arguments.profile)
    draw = Draw(arguments.variant, arguments.benchmark, arguments.temperature, arguments.trial)
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
    prompts = prompts_for(problems, profile, engine.tokenizer, draw, settings.n)
    decoding = decoding_for(
        profile,
        engine.tokenizer,
        problems[0].language,
        temperature=arguments.temperature,
        top_p=settings.top_p,
        max_new_tokens=settings.max_new_tokens,
    )
    inputs = [path for path in (arguments.model, arguments.adapter, arguments.problems) if path]
    key = journal_key(
        Path(__file__), inputs, repr((profile.name, draw, settings.n, decoding)), arguments.precision, engine.version
    )
    by_task = {prompt.task_id: (prompt, problem) for prompt, problem in zip(prompts, problems, strict=True)}
    started = time.monotonic()
    with Journal(journal_path(arguments.output), key) as journal:
        finished = {entry["task_id"] for entry in journal.entries()}
        drawn = engine.sample([prompt for prompt in prompts if prompt.task_id not in finished], decoding)
        total, done = len(problems) * settings.n, len(finished) * settings.n
        for completions in track(drawn, "sampling", unit="samples", total=total, done=done, size=len):
            prompt, problem = by_task[completions[0].task_id]
            rows = sample_rows(completions, prompt, problem, profile, engine)
            journal.append({"task_id": problem.task_id, "rows": rows})
        by_finished = {entry["task_id"]: entry["rows"] for entry in journal.entries()}
        rows = [row for prompt in prompts for row in by_finished[prompt.task_id]]
        storage.write_table(arguments.output, SAMPLES, rows, seconds=time.monotonic() - started)
        journal.remove()


if __name__ == "__main__":
    run_stage(main, parser())
