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
class Processes:
    """This process's place among all. With one process nothing is communicated."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def shares(self, items: Sequence[Item]) -> list[list[Item]]:
        """The share of each process; items of like size should stand together."""
        return [list(items[rank :: self.count]) for rank in range(self.count)]

    def add_up(self, tensor: Tensor) -> Tensor:
        """The sum of `tensor` over the processes, in place and the same everywhere."""
        if self.count > 1:
            distributed.all_reduce(tensor)
        return tensor

    def wait(self) -> None:
        """Return when all processes have come here."""
        if self.count > 1:
            distributed.barrier()

    def leave(self) -> None:
        """The last thing to do. Several processes end here, together, without taking themselves apart.

        At the interpreter's end, threads of gloo and DeepSpeed now and then abort a process whose work is done, and
        torchrun takes that for a failure.
        """
        if self.count > 1:
            self.wait()
            logging.shutdown()
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(0)


ALONE = Processes()


def join_processes() -> Processes:
    """Meet the other processes that torchrun started; a lone process when it started none.

    Each process takes the GPU of its local rank, where there is one.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count == 1:
        return ALONE
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    processes = Processes(distributed.get_rank(), count)
    if not processes.leads:
        logging.getLogger().setLevel(logging.WARNING)  # the leader's log speaks for all
    logger.info("training in %d processes", count)
    return processes
