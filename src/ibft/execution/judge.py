"""Judge a stream of completions: verdicts in input order, equal programs run once, memory that does not grow."""

import functools
import hashlib
import logging
import secrets
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, NamedTuple, Self

import pandas as pd

from ibft.config.sections import Execution
from ibft.data.errata.defects import known_defects
from ibft.execution.isolation import best_level
from ibft.execution.pool import Pool
from ibft.execution.problem import Problem
from ibft.execution.python.judge import judge_python
from ibft.execution.references import References, measure
from ibft.execution.sandbox.client import ForkServer, HarnessError
from ibft.execution.sandbox.limits import check_room
from ibft.execution.verdict import EXCLUDED, Status, Verdict, one_line
from ibft.execution.verilog.judge import judge_verilog
from ibft.runtime.errors import UserError

logger = logging.getLogger(__name__)

_AHEAD = 32  # samples per worker that may be judged before the oldest one is done
_REMEMBERED = 50_000  # distinct programs whose verdicts are kept for repeats

LONGEST = 8 << 20  # characters of a program; what is longer is not even looked at
_NAMED = 5  # samples that the judge failed on, in its message

Sample = tuple[str, int, str]  # task_id, sample, completion


class Judged(NamedTuple):
    task_id: str
    sample: int
    verdict: Verdict


class Judge:
    """A started sandbox and the measured problems of one benchmark.

    with Judge(problems, settings, workers=2) as judge:
        for task_id, sample, verdict in judge.verdicts(samples): ...
    """

    def __init__(
        self,
        problems: pd.DataFrame,
        settings: Execution,
        workers: int,
        *,
        key: bytes | None = None,
        level: str | None = None,
        as_is: bool = False,
        references: References | None = None,
    ) -> None:
        """Start the workers and run the reference solutions that no earlier run has measured.

        Args:
            problems: the problems table.
            key: the secret that the tests' random numbers follow from (see `tests_key`); a new one, if null.
            level: the isolation level to use instead of the strongest one that starts.
            as_is: run completions exactly as they are, without taking packing off or putting a header in front.
            references: what the reference solutions' runs were like; they are run here, if null.

        Raises:
            UserError: no isolation level can be had, the Verilog toolchain is missing, or this shell or job allows less
                than a completion may use.
        """
        check_room(settings.memory_mb)
        self._settings = settings
        self._key = key or secrets.token_bytes()
        self._as_is = as_is
        self._problems = {row["task_id"]: Problem.from_row(row) for _, row in problems.iterrows()}
        self._remembered: OrderedDict[bytes, Verdict] = OrderedDict()
        self._pool = Pool(level or best_level(settings.allow_unsafe), workers)
        try:
            self._references = references or measure(self._problems.values(), settings, self._pool)
        except BaseException:
            self._pool.close()
            raise

    @property
    def isolation(self) -> str:
        return self._pool.level

    @property
    def languages(self) -> set[str]:
        return {problem.language for problem in self._problems.values()}

    @property
    def reference_rows(self) -> list[dict[str, Any]]:
        """The table `references`: what the reference solutions' runs were like."""
        return self._references.rows(self._problems.values())

    @property
    def excluded(self) -> dict[str, str]:
        """The problems that cannot be judged on this machine, and why. Their samples never pass; do not count them."""
        return self._references.excluded

    @property
    def constant_passes(self) -> list[str]:
        """The problems that a module with constant outputs passes: a pass there says little."""
        return self._references.constant_passes

    @property
    def errata(self) -> dict[str, str]:
        """The problems with a known defect, and which. They count as they are."""
        defects = {task_id: known_defects(problem.upstream).get(task_id) for task_id, problem in self._problems.items()}
        return {task_id: defect for task_id, defect in defects.items() if defect}

    def program(self, task_id: str, completion: str) -> str:
        """Return the program that is run for `completion`.

        Raises:
            UserError: there is no such problem.
        """
        if task_id not in self._problems:
            raise UserError(f"the samples hold task_id {task_id!r}, which is no problem of this benchmark")
        text = completion.encode("utf-8", "replace").decode("utf-8")  # lone surrogates fit into no file
        return text if self._as_is or len(text) > LONGEST else self._problems[task_id].assemble(text)

    def verdicts(self, samples: Iterable[Sample], known: Iterable[Verdict] = ()) -> Iterator[Judged]:
        """Judge `samples`, in their order.

        `known` are the verdicts of an earlier run on the first of them; what its judge failed on is judged again.
        A sample on which the judge itself fails gets the status `harness_error`, so that the others are judged still.

        Raises:
            UserError: a sample belongs to no problem.
            HarnessError: at once, where this machine cannot run cells; after the last sample, where the judge failed on
                some.
        """
        pending: deque[_Pending] = deque()
        running: dict[bytes, Future[Verdict]] = {}
        failed: list[Judged] = []
        earlier = iter(known)
        for sample in samples:
            pending.append(self._begin(sample, next(earlier, None), running))
            if len(pending) >= _AHEAD * self._pool.workers:
                yield self._next(pending, running, failed)
        while pending:
            yield self._next(pending, running, failed)
        if failed:
            raise HarnessError(_failures(failed))

    def close(self) -> None:
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _begin(self, sample: Sample, known: Verdict | None, running: dict[bytes, Future[Verdict]]) -> "_Pending":
        task_id, number, completion = sample
        program = self.program(task_id, completion)
        if known is not None and known.status is not Status.HARNESS_ERROR:
            self._remember(task_id, known.of(program))
        key = hashlib.sha256(f"{task_id}\0{program}".encode()).digest()
        if len(program) > LONGEST:
            return _Pending(task_id, number, program, key, self._too_long(task_id))
        if key not in self._remembered and key not in running:
            running[key] = self._submit(task_id, program)
        return _Pending(task_id, number, program, key, self._remembered.get(key) or running[key])

    def _too_long(self, task_id: str) -> Verdict:
        too_long = Status.MALFORMED, f"it is longer than {LONGEST >> 20} MiB"
        status, detail = EXCLUDED if task_id in self.excluded else too_long
        return Verdict(status, detail, False, True, "", self.isolation, 0.0)

    def _submit(self, task_id: str, program: str) -> Future[Verdict]:
        problem = self._problems[task_id]
        run: Callable[[ForkServer], Verdict]
        if problem.language == "verilog":
            run = functools.partial(
                judge_verilog, problem, program, self._settings, self._references.verilog.get(task_id)
            )
        else:
            reference = self._references.python.get(task_id)
            run = functools.partial(judge_python, problem, program, self._settings, self._key, reference)
        return self._pool.submit(run)

    def _next(self, pending: "deque[_Pending]", running: dict[bytes, Future[Verdict]], failed: list[Judged]) -> Judged:
        task_id, sample, program, key, outcome = pending.popleft()
        if isinstance(outcome, Verdict):
            return Judged(task_id, sample, outcome.of(program))
        try:
            verdict = outcome.result()
        except HarnessError as error:
            raise HarnessError(f"sample {sample} of {task_id} could not be judged: {error}") from None
        except Exception as error:
            logger.exception("sample %s of %s could not be judged", sample, task_id)
            detail = one_line(f"{type(error).__name__}: {error}")
            verdict = Verdict(Status.HARNESS_ERROR, detail, False, False, program, self.isolation, 0.0)
        judged = Judged(task_id, sample, verdict)
        if verdict.status is Status.HARNESS_ERROR:
            failed.append(judged)
        if running.pop(key, None):
            self._remember(task_id, verdict)
        return judged

    def _remember(self, task_id: str, verdict: Verdict) -> None:
        """Keep a verdict, so that equal programs are not run again."""
        key = hashlib.sha256(f"{task_id}\0{verdict.program}".encode()).digest()
        self._remembered[key] = verdict.of("")
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)


def _failures(failed: list[Judged]) -> str:
    named = [f"sample {row.sample} of {row.task_id} ({row.verdict.detail})" for row in failed[:_NAMED]]
    more = f" and {len(failed) - _NAMED} more" if len(failed) > _NAMED else ""
    return (
        f"the judge failed on {', '.join(named)}{more}: no table is written, since nothing may be counted wrongly; the "
        "verdicts on all other samples are kept for a rerun"
    )


class _Pending(NamedTuple):
    task_id: str
    sample: int
    program: str
    key: bytes
    outcome: Verdict | Future[Verdict]


def judge(
    problems: pd.DataFrame,
    samples: Iterable[Sample],
    settings: Execution,
    workers: int,
    *,
    key: bytes | None = None,
    level: str | None = None,
) -> Iterator[Judged]:
    """One verdict per sample, in input order; see `Judge` for which problems are excluded, and for what is raised."""
    with Judge(problems, settings, workers, key=key, level=level) as started:
        yield from started.verdicts(samples)
