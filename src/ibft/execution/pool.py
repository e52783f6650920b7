"""Worker threads, each with its own fork server. A fault is only believed when it happens alone."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import TracebackType
from typing import Self, TypeVar

from ibft.execution.isolation import start_server
from ibft.execution.sandbox.cells import CellFaultError
from ibft.execution.sandbox.client import ForkServer, HarnessError, LevelRefusedError, ServerLostError

Result = TypeVar("Result")


class Pool:
    """Runs tasks on fork servers. A task that meets a fault of the machine or the harness is run again, alone, once."""

    def __init__(self, level: str, workers: int) -> None:
        self.level = level
        self.workers = workers
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="judge")
        self._local = threading.local()
        self._servers: list[ForkServer] = []
        self._turn = _Turn()
        self._closing = False

    def submit(self, task: Callable[[ForkServer], Result]) -> Future[Result]:
        """Run `task` on some fork server.

        The future raises `HarnessError` where the machine or the harness failed twice, the second time with nothing
        else running.
        """
        return self._threads.submit(self._run, task)

    def close(self) -> None:
        """Cancel what waits, kill what runs."""
        self._closing = True
        self._threads.shutdown(wait=False, cancel_futures=True)
        for server in self._servers:
            server.kill()
        self._threads.shutdown(wait=True)
        for server in self._servers:
            server.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self, task: Callable[[ForkServer], Result]) -> Result:
        try:
            with self._turn.together():
                return task(self._server())
        except (ServerLostError, CellFaultError):  # it counts if it happens again
            if self._closing:
                raise
        with self._turn.alone():
            self._replace()
            try:
                return task(self._server())
            except CellFaultError as error:
                if error.otherwise is not None:
                    otherwise: Result = error.otherwise
                    return otherwise
                fault = str(error)
            except ServerLostError as error:
                fault = f"the sandbox was lost twice ({error}); is the machine out of memory?"
        raise HarnessError(f"{fault}; nothing is counted, and a rerun continues from here")

    def _server(self) -> ForkServer:
        if not hasattr(self._local, "server"):
            try:
                self._local.server = start_server(self.level)
            except LevelRefusedError as error:
                raise HarnessError(f"the sandbox does not start at isolation level {self.level}: {error}") from None
            self._servers.append(self._local.server)
        server: ForkServer = self._local.server
        return server

    def _replace(self) -> None:
        """Take a new fork server, whatever state the old one is in."""
        if hasattr(self._local, "server"):
            self._servers.remove(self._local.server)
            self._local.server.close()
            del self._local.server


class _Turn:
    """Many together, or one alone. Whoever wants to be alone goes before those who come later."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._together = 0
        self._waiting = 0
        self._alone = False

    @contextmanager
    def together(self) -> Iterator[None]:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting and not self._alone)
            self._together += 1
        try:
            yield
        finally:
            with self._changed:
                self._together -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        with self._changed:
            self._waiting += 1
            self._changed.wait_for(lambda: not self._together and not self._alone)
            self._waiting -= 1
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()
