"""The device that a job runs its model on, and what it does when the memory of that is used up."""

import logging
from collections.abc import Callable, Sequence
from typing import TypeVar

import torch

from ibft.models.wording import first_line
from ibft.runtime.errors import UserError
from ibft.runtime.gpus import asked_gpus

Item = TypeVar("Item")
Result = TypeVar("Result")
logger = logging.getLogger(__name__)


def device() -> torch.device:
    """Return this process's GPU where there is one, else the CPU.

    Raises:
        UserError: the job was started to run on GPUs (`ibft.runtime.gpus`), and CUDA does not start.
    """
    check_gpus()
    return torch.device("cuda", torch.cuda.current_device()) if torch.cuda.is_available() else torch.device("cpu")


def check_gpus() -> None:
    """Raise `UserError` where GPUs were asked for that torch cannot use: nothing falls back to the CPU unasked."""
    asked = asked_gpus()
    if not asked or (torch.cuda.is_available() and torch.cuda.device_count() >= asked):
        return
    found = f"torch {torch.__version__} can use {torch.cuda.device_count()}: {_why_no_cuda()}"
    raise UserError(
        f"this job asks for {asked} GPU{'s'[: asked > 1]} (compute.gpus), and {found}; bring the driver up to date or "
        "install the torch that fits it, or set compute.gpus to 0 to run on CPUs"
    )


def _why_no_cuda() -> str:
    try:
        torch.cuda.init()  # type: ignore[no-untyped-call]
    except (RuntimeError, AssertionError) as error:
        return first_line(error)
    return "the driver shows no more"


def in_halves(run: Callable[[Sequence[Item]], list[Result]], items: Sequence[Item]) -> list[Result]:
    """Return `run(items)`, one result for each; where a GPU's memory does not hold them, half of them after the other.

    Raises:
        torch.OutOfMemoryError: the memory does not hold a single one.
    """
    try:
        return run(items)
    except torch.OutOfMemoryError:
        if len(items) == 1:
            raise
    # Outside of the handler, whose traceback would keep the failed pass's tensors.
    torch.cuda.empty_cache()
    logger.warning("the GPU's memory does not hold %d texts in one pass; half of them at a time", len(items))
    middle = len(items) // 2
    return in_halves(run, items[:middle]) + in_halves(run, items[middle:])
