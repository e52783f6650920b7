"""`ibft plan`: jobs per rule, what is cached, GPU- and CPU-hours, disk, wall time, and why something runs again."""

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass

from ibft.config.loading import load_layers
from ibft.plan.assumptions import CARDS, UNNAMED_CARD
from ibft.plan.cards import card_here
from ibft.plan.estimate import UNMEASURED, Correction, CostModel, corrections
from ibft.plan.jobs import Job, add_workflow_options, asked_of_snakemake, list_jobs
from ibft.plan.reasons import in_words
from ibft.plan.schedule import critical_path, wall_seconds
from ibft.runtime.errors import UserError

FOOTNOTE = """\
Hours and disk are of what is to run. CPU-hours count every core that a job holds. The assumptions are listed in
src/ibft/plan/assumptions.py; measured jobs of a rule correct them by the factor that is shown."""
_COLUMNS = ("rule", "jobs", "cached", "to run", "GPU-hours", "CPU-hours", "disk", "estimate")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("plan", help="what a run would cost, and why it would run", description=__doc__)
    parser.add_argument("targets", nargs="*", help="of Snakemake, such as table1 (default: everything)")
    parser.add_argument("--jobs", type=int, default=1, help="that run at a time, for the wall time; N GPUs run N")
    parser.add_argument("--gpu", choices=sorted(CARDS), help=f"default: the card that is here, else {UNNAMED_CARD}")
    parser.add_argument("--measured", action="store_true", help="compare estimates with the jobs that a run measured")
    add_workflow_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Ask Snakemake twice, for all jobs and for those that it would start now, and print both with their costs.

    Raises:
        UserError: `--jobs` is not positive, or Snakemake refuses the configuration or a target.
    """
    if arguments.jobs < 1:
        raise UserError(f"--jobs {arguments.jobs}: at least one job runs at a time")
    snakefile = arguments.snakefile.absolute()
    layers = [path.absolute() for path in arguments.configfile]
    asked = asked_of_snakemake(arguments)
    every = list_jobs(snakefile, [*asked, "--forceall", "--", *arguments.targets])
    to_run = list_jobs(snakefile, [*asked, "--", *arguments.targets])
    with chdir(arguments.directory):  # from where `path:` sources are looked up
        config = load_layers(layers, snakefile.parent / "config" / "config.yaml")
    card = arguments.gpu or card_here() or UNNAMED_CARD
    model = CostModel(config, arguments.directory, card)
    corrected = corrections(model, every, arguments.directory)
    if arguments.measured:
        print("\n".join(["", *comparison(corrected)]))
        return
    lines = [line_of(rule, every, to_run, model, corrected) for rule in dict.fromkeys(job.rule for job in every)]
    seconds = [model.cost(job).seconds * corrected.get(job.rule, UNMEASURED).factor for job in to_run]
    duration = wall_time(to_run, seconds, arguments.jobs)
    assumptions = FOOTNOTE + (f" GPUs: {card}." if any(job.gpus for job in every) else "")
    print("\n".join(["", *table(lines), "", *duration, *explanation(to_run), "", assumptions]))


def wall_time(to_run: Sequence[Job], seconds: Sequence[float], at_a_time: int) -> list[str]:
    """Say how long the run takes; nothing where there is nothing to run."""
    if not to_run:
        return []
    beside = " on GPUs, and as many others beside them," if any(job.gpus for job in to_run) else ""
    wall, chain = wall_seconds(to_run, seconds, at_a_time) / 3600, critical_path(to_run, seconds) / 3600
    return [
        f"Wall time with {at_a_time} job{'s'[: at_a_time > 1]} at a time{beside} {wall:.1f} hours; the longest chain "
        f"of jobs that wait for each other takes {chain:.1f} hours.",
        "",
    ]


def comparison(corrected: Mapping[str, Correction]) -> list[str]:
    """One line for each rule of which jobs were measured: their seconds, the estimate, and the ratio."""
    rows = [("rule", "measured jobs", "seconds", "estimated", "estimated / measured")]
    for rule, found in corrected.items():
        ratio = f"{found.estimated / found.seconds:.2f}"
        rows.append((rule, str(found.measured), f"{found.seconds:.0f}", f"{found.estimated:.0f}", ratio))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in rows] if len(rows) > 1 else ["Nothing was measured."]


@dataclass(frozen=True)
class Line:
    """One rule. Hours and bytes are of what is still to run."""

    rule: str
    jobs: int
    to_run: int
    gpu_hours: float
    cpu_hours: float
    disk: float
    correction: Correction


def line_of(
    rule: str, every: Sequence[Job], to_run: Sequence[Job], model: CostModel, corrected: Mapping[str, Correction]
) -> Line:
    pending = [job for job in to_run if job.rule == rule]
    correction = corrected.get(rule, UNMEASURED)
    costs = [(job, model.cost(job)) for job in pending]
    return Line(
        rule=rule,
        jobs=sum(job.rule == rule for job in every),
        to_run=len(pending),
        gpu_hours=sum(cost.seconds * job.gpus for job, cost in costs) * correction.factor / 3600,
        cpu_hours=sum(cost.seconds * job.threads for job, cost in costs) * correction.factor / 3600,
        disk=sum(cost.disk for _, cost in costs),
        correction=correction,
    )


def table(lines: Sequence[Line]) -> list[str]:
    total = Line(
        rule="total",
        jobs=sum(line.jobs for line in lines),
        to_run=sum(line.to_run for line in lines),
        gpu_hours=sum(line.gpu_hours for line in lines),
        cpu_hours=sum(line.cpu_hours for line in lines),
        disk=sum(line.disk for line in lines),
        correction=UNMEASURED,
    )
    rows = [_COLUMNS, *(_cells(line) for line in [*lines, total])]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return ["  ".join(_aligned(row, widths)).rstrip() for row in rows]


def explanation(to_run: Sequence[Job]) -> list[str]:
    """One line for each reason of each rule, in the order in which Snakemake would start them."""
    if not to_run:
        return ["Nothing is to be done."]
    reasons = Counter((job.rule, in_words(job.reason)) for job in to_run)
    width = max(len(rule) for rule, _ in reasons)
    return ["Why:", *(f"  {rule:{width}}  {count:4d}  {words}" for (rule, words), count in reasons.items())]


def _cells(line: Line) -> tuple[str, ...]:
    measured = line.correction.measured
    source = f"{measured} measured: × {line.correction.factor:.2g}" if measured else "assumed"
    return (
        line.rule,
        str(line.jobs),
        str(line.jobs - line.to_run),
        str(line.to_run),
        f"{line.gpu_hours:.1f}",
        f"{line.cpu_hours:.1f}",
        _size(line.disk),
        "" if line.rule == "total" or not line.to_run else source,
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    last = len(row) - 1
    return [
        cell.ljust(w) if i in (0, last) else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))
    ]


def _size(found: float) -> str:
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if found >= scale:
            return f"{found / scale:.1f} {unit}"
    return f"{found / 1e3:.0f} kB"
