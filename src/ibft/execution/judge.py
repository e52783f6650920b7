"""Judge a stream of completions: verdicts in input order, equal programs run once, memory that does not grow."""

import functools
import hashlib
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import NamedTuple, Self

import pandas as pd

from ibft.config.execution import Execution
from ibft.errors import UserError
from ibft.execution.isolation import Zygote, best_level
from ibft.execution.judge_python import judge_python
from ibft.execution.judge_verilog import judge_verilog
from ibft.execution.limits import check_room
from ibft.execution.pool import HarnessError, Pool
from ibft.execution.problem import Problem
from ibft.execution.references import References, measure
from ibft.execution.verdict import Status, Verdict

_AHEAD = 32  # samples per worker that may be judged before the oldest one is done
_REMEMBERED = 50_000  # distinct programs whose verdicts are kept for repeats

# The first run of a program, beside others, gets this share of the time limit. Nearly every program that ends at all
# ends by then; what does not is run again, alone, with the whole limit, and only that run is recorded as a timeout.
_FIRST_SHARE = 1 / 3

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
        level: str | None = None,
        as_is: bool = False,
    ) -> None:
        """Start the workers and run the reference solutions that no earlier run has measured.

        Args:
            problems: the problems table.
            level: the isolation level to use instead of the strongest one that starts.
            as_is: run completions exactly as they are, without taking packing off or putting a header in front.

        Raises:
            UserError: no isolation level can be had, the Verilog toolchain is missing, or this shell or job allows less
                than a completion may use.
        """
        check_room(settings.memory_mb)
        self._settings = settings
        self._as_is = as_is
        self._problems = {row["task_id"]: Problem.from_row(row) for _, row in problems.iterrows()}
        self._remembered: OrderedDict[bytes, Verdict] = OrderedDict()
        self._pool = Pool(level or best_level(settings.allow_unsafe), workers)
        try:
            self._references: References = measure(self._problems.values(), settings, self._pool)
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
    def excluded(self) -> dict[str, str]:
        """The problems that cannot be judged on this machine, and why. Their samples never pass; do not count them."""
        return self._references.excluded

    def program(self, task_id: str, completion: str) -> str:
        """What is run for `completion`.

        Raises:
            UserError: there is no such problem.
        """
        if task_id not in self._problems:
            raise UserError(f"the samples hold task_id {task_id!r}, which is no problem of this benchmark")
        text = completion.encode("utf-8", "replace").decode("utf-8")  # lone surrogates fit into no file
        return text if self._as_is else self._problems[task_id].assemble(text)

    def verdicts(self, samples: Iterable[Sample]) -> Iterator[Judged]:
        """Judge `samples`, in their order.

        Raises:
            UserError: a sample belongs to no problem.
            HarnessError: the harness itself failed; nothing was counted wrongly.
        """
        pending: deque[_Pending] = deque()
        running: dict[bytes, Future[Verdict]] = {}
        for task_id, sample, completion in samples:
            program = self.program(task_id, completion)
            key = hashlib.sha256(f"{task_id}\0{program}".encode()).digest()
            if key not in self._remembered and key not in running:
                running[key] = self._submit(task_id, program)
            pending.append(_Pending(task_id, sample, program, key, self._remembered.get(key) or running[key]))
            if len(pending) >= _AHEAD * self._pool.workers:
                yield self._next(pending, running)
        while pending:
            yield self._next(pending, running)

    def remember(self, task_id: str, verdict: Verdict) -> None:
        """Take over the verdict of an earlier run, so that equal programs are not run again."""
        key = hashlib.sha256(f"{task_id}\0{verdict.program}".encode()).digest()
        self._remembered[key] = verdict.of("")
        if len(self._remembered) > _REMEMBERED:
            self._remembered.popitem(last=False)

    def close(self) -> None:
        self._pool.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _submit(self, task_id: str, program: str) -> Future[Verdict]:
        problem = self._problems[task_id]
        run: Callable[[float, Zygote], Verdict]
        if problem.language == "verilog":
            reference = self._references.measured.get(task_id)
            run = functools.partial(judge_verilog, problem, program, self._settings, reference)
        else:
            run = functools.partial(judge_python, problem, program, self._settings, task_id not in self.excluded)
        return self._pool.submit(functools.partial(run, _FIRST_SHARE), _is_doubtful, functools.partial(run, 1.0))

    def _next(self, pending: "deque[_Pending]", running: dict[bytes, Future[Verdict]]) -> Judged:
        task_id, sample, program, key, outcome = pending.popleft()
        if isinstance(outcome, Verdict):
            return Judged(task_id, sample, outcome.of(program))
        verdict = outcome.result()
        if verdict.status is Status.HARNESS_ERROR:
            raise HarnessError(f"problem {task_id} cannot be judged: {verdict.detail}")
        if running.pop(key, None):
            self.remember(task_id, verdict)
        return Judged(task_id, sample, verdict)


def _is_doubtful(verdict: Verdict) -> bool:
    """Whether other samples beside it may be to blame: it took too long, or only one of the two verdicts is a pass."""
    return verdict.status is Status.TIMEOUT or verdict.passed != verdict.official_passed


class _Pending(NamedTuple):
    task_id: str
    sample: int
    program: str
    key: bytes
    outcome: Verdict | Future[Verdict]


def judge(
    problems: pd.DataFrame, samples: Iterable[Sample], settings: Execution, workers: int, *, level: str | None = None
) -> Iterator[Judged]:
    """One verdict per sample, in input order; see `Judge` for which problems are excluded, and for what is raised."""
    with Judge(problems, settings, workers, level=level) as started:
        yield from started.verdicts(samples)


def unjudgeable(problems: pd.DataFrame, settings: Execution, workers: int) -> dict[str, str]:
    """The problems that cannot be judged on this machine, and why."""
    with Judge(problems, settings, workers) as started:
        return started.excluded
