"""Run each problem's own reference solution, and exclude the problems that therefore cannot be judged here.

A problem whose reference does not pass under the installed tools says nothing about any completion: it is excluded, by
name. What was measured is kept in the user's cache folder, by problem and tool version, because a few references
simulate for seconds and every file of samples needs them again.
"""

import functools
import json
import logging
import os
import shutil
import subprocess
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import asdict, dataclass
from pathlib import Path

from ibft.config.sections import Execution
from ibft.execution.pool import Pool
from ibft.execution.problem import Problem
from ibft.execution.python.judge import judge_python
from ibft.execution.sandbox.client import ForkServer, HarnessError
from ibft.execution.verilog.judge import Reference, measure_reference
from ibft.runtime.errors import UserError
from ibft.store.files import write_bytes

logger = logging.getLogger(__name__)

_PROTOCOL = "8"  # what is measured, and how; a change of either needs a new number


@dataclass(frozen=True)
class References:
    measured: dict[str, Reference]  # of each Verilog problem that can be judged
    excluded: dict[str, str]  # task_id -> why its problem cannot be judged here

    @property
    def constant_passes(self) -> list[str]:
        """The problems that a module with constant outputs passes."""
        return [task_id for task_id, reference in self.measured.items() if reference.constant_passes]


def measure(problems: Iterable[Problem], settings: Execution, pool: Pool) -> References:
    """Run every reference solution that the cache does not know yet."""
    futures = {problem.task_id: pool.submit(functools.partial(_known, problem, settings)) for problem in problems}
    found = {task_id: _result(task_id, future) for task_id, future in futures.items()}
    return References(
        measured={task_id: result for task_id, result in found.items() if isinstance(result, Reference)},
        excluded={task_id: result for task_id, result in found.items() if isinstance(result, str)},
    )


def _result(task_id: str, future: Future[Reference | str | None]) -> Reference | str | None:
    try:
        return future.result()
    except HarnessError as error:
        raise HarnessError(f"the reference solution of {task_id} could not be run: {error}") from None


@functools.cache
def iverilog_version() -> str:
    """Return the first line of `iverilog -V`.

    Raises:
        UserError: Icarus Verilog is not installed.
    """
    if not shutil.which("iverilog") or not shutil.which("vvp"):
        raise UserError("iverilog and vvp are not installed, so Verilog cannot be judged: apt-get install iverilog")
    answer = subprocess.run(["iverilog", "-V"], capture_output=True, text=True, errors="replace", check=False)  # noqa: S607
    return answer.stdout.partition("\n")[0].strip()


def _known(problem: Problem, settings: Execution, server: ForkServer) -> Reference | str | None:
    """Return the reference's measure, why it has none, or null (Python needs none), from the cache or measured now."""
    tools = iverilog_version() if problem.language == "verilog" else ""
    path = _cache_folder() / f"{problem.digest(_PROTOCOL, tools, settings.as_json())}.json"
    if path.exists():
        entry = json.loads(path.read_text())
        return Reference(**entry) if isinstance(entry, dict) else entry
    found = _measure(problem, settings, server)
    if not _is_timeout(found):
        try:
            write_bytes(path, json.dumps(asdict(found) if isinstance(found, Reference) else found).encode())
        except OSError as error:
            logger.warning("reference runs are not cached, because %s cannot be written: %s", path.parent, error)
    return found


def _measure(problem: Problem, settings: Execution, server: ForkServer) -> Reference | str | None:
    if problem.language == "verilog":
        return measure_reference(problem, settings, server)
    verdict = judge_python(problem, problem.reference_program, settings, b"", True, server)
    return None if verdict.passed else f"its own reference solution does not pass: {verdict.status}, {verdict.detail}"


def _is_timeout(found: Reference | str | None) -> bool:
    return isinstance(found, str) and "timeout" in found


def _cache_folder() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ibft" / "references"
