"""A snapshot as one screen of a terminal, narrow or wide: rich lays it out, and nothing in it acts on the terminal."""

import math
import time
from collections.abc import Sequence

from rich.console import Console, Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from ibft.visible import visible
from ibft.watch.snapshot import AtWork, Error, Snapshot, Stage

_WIDE = 100  # columns from which bars and last lines of logs are shown
_MOST_ERRORS = 5
_QUIET_S = 300.0  # without a sign from a job after which that is shown
_FRAME = 6  # lines that are no row of a table: two heads, blank lines, and how many jobs are not shown


def screen(snapshot: Snapshot, width: int, height: int | None = None) -> Group:
    """Lay a snapshot out in `width` columns and at most `height` lines; None takes as many as there are."""
    title = _title(snapshot)
    errors = [_error_line(error) for error in snapshot.errors[:_MOST_ERRORS]]
    for error in errors if height is not None else ():
        error.truncate(width, overflow="ellipsis")
    stages, jobs = list(snapshot.stages), list(snapshot.running)
    above = len(title.wrap(Console(width=width), width))
    room = math.inf if height is None else height - _FRAME - above - len(errors)
    finished = [stage for stage in stages if stage.done == stage.jobs]
    if len(stages) + len(jobs) > room:
        stages = [stage for stage in stages if stage not in finished]
    else:
        finished = []
    shown = max(1, int(min(len(jobs), room - len(stages) - bool(finished))))
    parts: list[RenderableType] = [title, Text()]
    if finished:
        parts.append(Text(f"finished: {', '.join(stage.name for stage in finished)}", style="green"))
    parts.append(_stage_table(stages, width))
    if jobs:
        parts += [Text(), _job_table(jobs[:shown], width)]
    if len(jobs) > shown:
        parts.append(Text(f"and {len(jobs) - shown} more jobs", style="dim"))
    if errors:
        parts += [Text(), *errors]
    return Group(*parts)


def as_text(snapshot: Snapshot, width: int) -> str:
    """Write a snapshot as plain text, for a pipe."""
    console = Console(width=width, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(screen(snapshot, width))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def duration(seconds: float) -> str:
    """Write a duration in at most two units."""
    if not math.isfinite(seconds):
        return "?"
    seconds = round(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min" + (f" {seconds % 60:02d} s" if seconds < 600 else "")
    hours, minutes = divmod(seconds // 60, 60)
    return f"{hours} h {minutes:02d} min" if hours < 48 else f"{hours // 24} d {hours % 24} h"


def _title(snapshot: Snapshot) -> Text:
    jobs, done = (sum(getattr(stage, name) for stage in snapshot.stages) for name in ("jobs", "done"))
    begun = time.strftime("%Y-%m-%d %H:%M", time.localtime(snapshot.started))
    counted = f"{done} of {jobs} jobs"
    title = Text(visible(str(snapshot.results)), style="bold")
    if snapshot.holder is None:
        state, style = _ended(snapshot, jobs - done), "green" if done == jobs else "yellow"
        return title.append(f"  nothing runs. The last run began {begun}: {counted}{state}", style=style)
    where = "" if snapshot.holder == "here" else f" on {visible(snapshot.holder)}, which cannot be asked from here"
    title.append(
        f"  running since {begun}{where}, {duration(snapshot.now - snapshot.started)}: {counted}", style="cyan"
    )
    return title.append(f"; {_left(snapshot.stages)}", style="cyan")


def _ended(snapshot: Snapshot, missing: int) -> str:
    if not missing:
        return " done"
    cut = f", {snapshot.interrupted} were cut off" if snapshot.interrupted else ""
    return f" done{cut}; `ibft resume` with the options of that run goes on"


def _left(stages: Sequence[Stage]) -> str:
    """Say how much longer it all takes, as far as finished jobs of the same kinds tell."""
    open_stages = [stage for stage in stages if stage.done < stage.jobs]
    known = sum(stage.seconds_left or 0.0 for stage in open_stages)
    unknown = [stage.name for stage in open_stages if stage.seconds_left is None]
    if not unknown:
        return f"about {duration(known)} left"
    if len(unknown) == len(open_stages):
        return "time left unknown until a job of each kind has ended"
    return f"{duration(known)} left, not counting {', '.join(unknown)}"


def _stage_table(stages: Sequence[Stage], width: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("stage", no_wrap=True)
    if width >= _WIDE:
        table.add_column("", width=24)
    for name in ("done", "running", "waiting", "failed", "left"):
        table.add_column(name, justify="right", no_wrap=True)
    for stage in stages:
        is_done = stage.done == stage.jobs
        style = "green" if is_done else "cyan" if stage.running else "red" if stage.failed else "dim"
        left = "" if is_done else "?" if stage.seconds_left is None else duration(stage.seconds_left)
        bar = [_bar(stage)] if width >= _WIDE else []
        counts = (stage.running, stage.waiting, stage.failed)
        cells = [f"{stage.done}/{stage.jobs}", *(str(count) if count else "" for count in counts), left]
        table.add_row(Text(stage.name), *bar, *cells, style=style)
    return table


def _bar(stage: Stage) -> ProgressBar:
    """Draw a stage's share that is done. With 16 colours rich's own would be red while it grows and grey at its end."""
    return ProgressBar(
        stage.jobs, stage.done, width=24, style="bright_black", complete_style="cyan", finished_style="green"
    )


def _job_table(jobs: Sequence[AtWork], width: int) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("job", overflow="ellipsis", no_wrap=True, ratio=1)
    names = ("for", "progress", "rate", "left") if width >= _WIDE else ("for", "progress", "left")
    for name in names:
        table.add_column(name, justify="right", no_wrap=True)
    for job in jobs:
        table.add_row(Text(_named(job)), *(Text(cell) for cell in _job_cells(job, width)))
    return table


def _named(job: AtWork) -> str:
    number = f" [{job.cluster_job}]" if job.cluster_job else ""
    return visible(f"{job.name}{number}")


def _job_cells(job: AtWork, width: int) -> list[str]:
    if job.is_queued:
        cells = [duration(job.seconds), "in the queue", "", ""]
    elif job.told is None:
        doing = visible(job.doing) or "starting"
        cells = [duration(job.seconds), doing[:36] if width >= _WIDE else doing[:14], "", ""]
    else:
        told = job.told
        counted = f"{told.finished}/{told.total} {told.unit}" if width >= _WIDE else f"{told.finished}/{told.total}"
        left = "?" if job.seconds_left is None else duration(job.seconds_left)
        cells = [duration(job.seconds), counted, f"{told.rate:.1f}/s" if told.rate >= 0.1 else "<0.1/s", left]
    if job.quiet_s > _QUIET_S and not job.is_queued:
        cells[-1] = f"silent {duration(job.quiet_s)}"
    return cells if width >= _WIDE else [cells[0], cells[1], cells[3]]


def _error_line(error: Error) -> Text:
    when = time.strftime("%H:%M", time.localtime(error.when))
    told = f"{when} {visible(error.name)}: {visible(error.sentence)}"
    return Text(f"{told} (started again since)", style="dim") if error.is_mended else Text(told, style="red")
