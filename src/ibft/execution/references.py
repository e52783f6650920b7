"""Run each problem's own reference solution, and exclude the problems that therefore cannot be judged here.

A problem whose reference does not pass under the installed tools says nothing about any completion: it is excluded, by
name. What was measured is kept in the user's cache folder, by problem and tool version, because a few references
simulate for seconds and every file of samples needs them again.
"""

import functools
import json
import logging
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ibft.config.sections import Execution
from ibft.execution.pool import Pool
from ibft.execution.problem import Problem
from ibft.execution.python import judge as python_judge
from ibft.execution.python.judge import PythonReference
from ibft.execution.sandbox.client import ForkServer, HarnessError
from ibft.execution.verilog import judge as verilog_judge
from ibft.execution.verilog.judge import VerilogReference
from ibft.execution.verilog.toolchain import tools_of
from ibft.store.files import cache_folder, write_bytes

logger = logging.getLogger(__name__)

_PROTOCOL = "12"  # what is measured, and how; a change of either needs a new number


Reference = PythonReference | VerilogReference


@dataclass(frozen=True)
class References:
    """The references hold what was measured of each problem, by task_id."""

    python: dict[str, PythonReference]
    verilog: dict[str, VerilogReference]
    excluded: dict[str, str]  # why the problem cannot be judged here

    @classmethod
    def of(cls, found: dict[str, Reference | str]) -> "References":
        """Sort what was found by its kind."""
        return cls(
            python={task_id: result for task_id, result in found.items() if isinstance(result, PythonReference)},
            verilog={task_id: result for task_id, result in found.items() if isinstance(result, VerilogReference)},
            excluded={task_id: result for task_id, result in found.items() if isinstance(result, str)},
        )

    def rows(self, problems: Iterable[Problem]) -> list[dict[str, Any]]:
        """Return the rows of the table `references` on `problems`."""
        found: dict[str, Reference | str] = {**self.python, **self.verilog, **self.excluded}
        return [
            {
                "task_id": problem.task_id,
                "language": problem.language,
                "excluded": self.excluded.get(problem.task_id),
                "constant_passes": problem.task_id in self.constant_passes,
                "tools": tools_of(problem.language),
                "measured": _encoded(found[problem.task_id]),
            }
            for problem in problems
        ]

    @classmethod
    def from_rows(cls, rows: pd.DataFrame) -> "References":
        """Return what `rows`, of the table `references`, say."""
        return cls.of({row["task_id"]: _decoded(row["measured"], row["language"]) for _, row in rows.iterrows()})

    @property
    def constant_passes(self) -> list[str]:
        """The problems that a module with constant outputs passes."""
        return [task_id for task_id, reference in self.verilog.items() if reference.constant_passes]


def measure(problems: Iterable[Problem], settings: Execution, pool: Pool) -> References:
    """Run every reference solution that the cache does not know yet."""
    futures = {problem.task_id: pool.submit(functools.partial(_known, problem, settings)) for problem in problems}
    return References.of({task_id: _result(task_id, future) for task_id, future in futures.items()})


def _result(task_id: str, future: Future[Reference | str]) -> Reference | str:
    try:
        return future.result()
    except HarnessError as error:
        raise HarnessError(f"the reference solution of {task_id} could not be run: {error}") from None


def _known(problem: Problem, settings: Execution, server: ForkServer) -> Reference | str:
    """Return the reference's measure, or why it has none, from the cache or measured now."""
    key = problem.digest(_PROTOCOL, tools_of(problem.language), settings.as_json())
    path = cache_folder("references") / f"{key}.json"
    if path.exists():
        return _decoded(path.read_text(), problem.language)
    found = _measure(problem, settings, server)
    if not _is_timeout(found):
        try:
            write_bytes(path, _encoded(found).encode())
        except OSError as error:
            logger.warning("reference runs are not cached, because %s cannot be written: %s", path.parent, error)
    return found


def _encoded(found: Reference | str) -> str:
    return json.dumps(found if isinstance(found, str) else asdict(found))


def _decoded(text: str, language: str) -> Reference | str:
    entry = json.loads(text)
    return entry if isinstance(entry, str) else _KIND[language](**entry)


_KIND: dict[str, type[Reference]] = {"python": PythonReference, "verilog": VerilogReference}


def _measure(problem: Problem, settings: Execution, server: ForkServer) -> Reference | str:
    if problem.language == "verilog":
        return verilog_judge.measure_reference(problem, settings, server)
    return python_judge.measure_reference(problem, settings, server)


def _is_timeout(found: Reference | str) -> bool:
    return isinstance(found, str) and "timeout" in found
