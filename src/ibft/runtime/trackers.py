"""Curves of training and metrics of evaluation for TensorBoard, Weights & Biases and trackio, where they are asked for.

None of these packages is needed for anything else, so none is installed with ibft. Tables and logs are always written.
"""

import argparse
import importlib
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ibft.runtime.errors import UserError

Tracker = Callable[[int, dict[str, float]], None]  # takes a step and its numbers
_SERVICES = ("wandb", "trackio")  # packages with the same interface


def add_tracker_options(parser: argparse.ArgumentParser) -> None:
    """Add the options by which a job is told of trackers; they change no result."""
    parser.add_argument("--tensorboard", type=Path, help="also write events to this folder")
    parser.add_argument("--wandb", help="also send numbers to this Weights & Biases project")
    parser.add_argument("--trackio", help="also send numbers to this trackio project")


def check_trackers(arguments: argparse.Namespace) -> None:
    """Raise `UserError` where a package is missing: call it before any work starts."""
    for package in ("tensorboard", *_SERVICES):
        if getattr(arguments, package) is not None and importlib.util.find_spec(package) is None:
            raise UserError(
                f"compute.{package}: package {package} is not installed: run `uv pip install {package}`, or unset the "
                "key"
            )


def open_trackers(arguments: argparse.Namespace, kind: str, name: str | None = None) -> list[Tracker]:
    """Open what the options of `add_tracker_options` ask for.

    Args:
        kind: of the job, `training` or `evaluation`: it groups the numbers.
        name: of the run in Weights & Biases and trackio; None lets them choose one.
    """
    trackers: list[Tracker] = []
    if arguments.tensorboard is not None:
        trackers.append(_tensorboard(arguments.tensorboard, kind))
    for package in _SERVICES:
        project = getattr(arguments, package)
        if project is not None:
            settings = {option: str(value) for option, value in vars(arguments).items()}
            trackers.append(_service(package, project, kind, name, settings))
    return trackers


def _tensorboard(folder: Path, kind: str) -> Tracker:
    """Write event files with TensorBoard's own writer, which needs no torch."""
    event, summary = (importlib.import_module(f"tensorboard.compat.proto.{n}_pb2") for n in ("event", "summary"))
    files = importlib.import_module("tensorboard.summary.writer.event_file_writer").EventFileWriter(str(folder))

    def track(step: int, numbers: dict[str, float]) -> None:
        values = [summary.Summary.Value(tag=f"{kind}/{name}", simple_value=value) for name, value in numbers.items()]
        files.add_event(event.Event(step=step, wall_time=time.time(), summary=summary.Summary(value=values)))
        files.flush()

    return track


def _service(package: str, project: str, kind: str, name: str | None, settings: dict[str, Any]) -> Tracker:
    service = importlib.import_module(package)
    run = service.init(project=project, name=name, group=kind, config=settings)

    def track(step: int, numbers: dict[str, float]) -> None:
        run.log({f"{kind}/{name}": value for name, value in numbers.items()}, step=step)

    return track
