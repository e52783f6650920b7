"""A row for each step of training, in a journal beside the checkpoint: runs of any length keep theirs.

The main process writes it. After a kill it may be ahead of the checkpoint; what is ahead is made again.
"""

from collections import deque
from collections.abc import Iterator
from typing import Any

from ibft.runtime.errors import UserError
from ibft.store.journal import Journal
from ibft.training.checkpoint import Checkpoints
from ibft.training.distributed import World

Row = dict[str, Any]


class StepRows:
    """Each entry holds a row of TRAINING_LOG (`log`) and one of `ibft.training.telemetry.stopwatch` (`speed`).

    Beside them stands what held-out examples scored after the step, if they were asked (`held_out`).
    """

    def __init__(self, checkpoints: Checkpoints, world: World, finished: int) -> None:
        """
        Args:
            finished: steps before the checkpoint that training goes on from.

        Raises:
            UserError: the journal lacks rows of these steps.
        """
        self._journal = Journal(checkpoints.rows, checkpoints.key) if world.is_main else None
        if self._journal and self._journal.finished < finished:
            raise UserError(
                f"{checkpoints.rows} lacks rows of the {finished} steps that {checkpoints.path} stands for: delete "
                "both, and run the same command again, which trains from the start"
            )
        if self._journal:
            self._journal.cut(finished)

    def append(self, entry: Row) -> None:
        if self._journal:
            self._journal.append(entry)

    def entries(self) -> Iterator[Row]:
        """Yield the entries of all steps, in order; none in a process that is not the main one."""
        return self._journal.entries() if self._journal else iter(())

    @property
    def response_tokens(self) -> int:
        """Tokens that were learned from so far."""
        last = deque(self.entries(), maxlen=1)
        return int(last[0]["log"]["response_tokens"]) if last else 0

    def sync(self) -> None:
        """Return when the rows are on the disk: call it before a checkpoint that stands for them is written."""
        if self._journal:
            self._journal.sync()

    def close(self) -> None:
        if self._journal:
            self._journal.close()
