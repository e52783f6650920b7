"""From programs that passed to their cells and area, beside those of the problems' reference solutions.

No number here decides a verdict. Yosys reads less of the language than Icarus Verilog does, so a right program may have
none; then a sentence says why.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from ibft.config.sections import Synthesis
from ibft.execution.problem import Problem
from ibft.store.files import cache_folder, write_bytes
from ibft.synthesis.toolchain import cells_of, yosys_version
from ibft.synthesis.yosys import Yosys, YosysError

logger = logging.getLogger(__name__)

_NAME = re.compile(r"[A-Za-z_][\w$]*")
# The flow of Yosys' manual for a library of cells. Without `tribuf` it would take high impedance for "anything", and a
# tri-state buffer for a wire. What stands for a scope or a $display is no hardware.
_SCRIPT = (
    "read_verilog -sv program.sv; hierarchy -top {top}; proc; tribuf; synth -flatten -top {top}; "
    "delete t:$scopeinfo t:$print; "
    "dfflibmap -liberty cells.lib; abc -liberty cells.lib; opt_clean -purge; "
    "tee -q -o netlist.json stat -json -top {top} -liberty cells.lib"
)


@dataclass(frozen=True)
class Netlist:
    """A module in cells of a library. Without numbers, `detail` says why in one line."""

    cells: int | None = None
    area: float | None = None  # in the library's unit
    detail: str = ""


class Synthesizer:
    """Yosys and a library of cells. A program is synthesized once: what came out is kept in the user's cache folder."""

    def __init__(self, settings: Synthesis) -> None:
        """Load Yosys.

        Raises:
            UserError: Yosys is not installed, or the library cannot be read.
        """
        self._cells = cells_of(settings.liberty)
        self._key = (_SCRIPT, self._cells, yosys_version(), settings.as_json())
        self._yosys = Yosys(settings.memory_mb, round(settings.billion_instructions * 1e9))

    def netlist(self, top: str, program: str) -> Netlist:
        """Synthesize module `top` of `program`, with the modules below it."""
        key = hashlib.sha256("\0".join([*self._key, top, program]).encode("utf-8", "surrogatepass")).hexdigest()
        path = cache_folder("synthesis") / f"{key}.json"
        if path.exists():
            return Netlist(**json.loads(path.read_text()))
        found = self._synthesized(top, program)
        try:
            write_bytes(path, json.dumps(asdict(found)).encode())
        except OSError as error:
            logger.warning("netlists are not kept, because %s cannot be written: %s", path.parent, error)
        return found

    def _synthesized(self, top: str, program: str) -> Netlist:
        if not _NAME.fullmatch(top):
            return Netlist(detail="its module has a name that Yosys' commands cannot hold")
        files = {"program.sv": program, "cells.lib": self._cells}
        try:
            return _counted(json.loads(self._yosys.run(_SCRIPT.format(top=top), files, "netlist.json")))
        except YosysError as error:
            return Netlist(detail=str(error))
        except (ValueError, KeyError, TypeError):
            return Netlist(detail="Yosys wrote no statistics")


def _counted(statistics: dict[str, Any]) -> Netlist:
    """Read what Yosys' command `stat` says of a flattened design."""
    design = statistics["design"]
    if unmapped := sorted(name for name in design["num_cells_by_type"] if name.startswith("$")):
        return Netlist(detail=f"the library has no cell for {', '.join(unmapped)}")
    return Netlist(design["num_cells"], float(design.get("area", 0)))


def synthesize(
    verdicts: pd.DataFrame, problems: pd.DataFrame, synthesizer: Synthesizer, workers: int
) -> Iterator[dict[str, Any]]:
    """Yield a row of SYNTHESIS for each sample of VERDICTS that passed, in their order."""
    passes = verdicts[verdicts["passed"]]
    by_task = {row["task_id"]: Problem.from_row(row) for _, row in problems.iterrows()}
    netlists: dict[tuple[str, str], Future[Netlist]] = {}
    with ThreadPoolExecutor(workers) as pool:
        try:
            for task_id, program in zip(passes["task_id"], passes["program"], strict=True):
                problem = by_task[task_id]
                for text in (program, problem.reference_program):
                    design = problem.entry_point, text
                    if design not in netlists:
                        netlists[design] = pool.submit(synthesizer.netlist, *design)
            for task_id, sample, program in zip(passes["task_id"], passes["sample"], passes["program"], strict=True):
                problem = by_task[task_id]
                own = netlists[problem.entry_point, program].result()
                reference = netlists[problem.entry_point, problem.reference_program].result()
                yield {"task_id": task_id, "sample": sample, **_columns(own), **_columns(reference, "reference_")}
        finally:
            pool.shutdown(cancel_futures=True)


def _columns(netlist: Netlist, prefix: str = "") -> dict[str, Any]:
    return {f"{prefix}{name}": value for name, value in asdict(netlist).items()}
