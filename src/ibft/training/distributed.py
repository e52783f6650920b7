"""The processes of one training job, as torchrun starts them: each computes its share of every global batch."""

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, distributed

Item = TypeVar("Item")
logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class World:
    """All processes of the job, and this one's rank among them. With one process nothing is communicated."""

    rank: int = 0
    size: int = 1

    @property
    def is_main(self) -> bool:
        """Return true in the process that writes the files."""
        return self.rank == 0

    def shares(self, items: Sequence[Item]) -> list[list[Item]]:
        """Deal `items` out to the processes; items of like size should stand together."""
        return [list(items[rank :: self.size]) for rank in range(self.size)]

    def all_reduce(self, tensor: Tensor) -> Tensor:
        """Sum `tensor` over the processes, in place and the same everywhere."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def barrier(self) -> None:
        """Return when all processes have come here."""
        if self.size > 1:
            distributed.barrier()

    def leave(self) -> None:
        """End several processes here, together, without taking themselves apart; nothing may follow.

        At the interpreter's end, threads of gloo and DeepSpeed now and then abort a process whose work is done, and
        torchrun takes that for a failure.
        """
        if self.size > 1:
            self.barrier()
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


ALONE = World()


def join_world() -> World:
    """Meet the other processes that torchrun started, or return a world of one where it started none.

    Each process takes the GPU of its local rank, where there is one.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return ALONE
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    world = World(distributed.get_rank(), size)
    if not world.is_main:
        logging.getLogger().setLevel(logging.WARNING)  # the main process's log speaks for all
    logger.info("training in %d processes", size)
    return world
