"""How figure and report commands name their many input files: KEY=PATH."""

from argparse import ArgumentTypeError
from collections.abc import Sequence
from pathlib import Path

from ibft.runtime.errors import UserError


def keyed_path(text: str) -> tuple[str, Path]:
    """`KEY=PATH` as a pair, for argparse. A path may hold further equals signs."""
    key, separator, path = text.partition("=")
    if not separator or not key or not path:
        raise ArgumentTypeError(f"{text!r} is not of the form KEY=PATH")
    return key, Path(path)


def only(inputs: Sequence[tuple[str, Path]], key: str, command: str) -> Path:
    """The path of `key`, which must be given once.

    Raises:
        UserError: it is absent or repeated.
    """
    found = [path for name, path in inputs if name == key]
    if len(found) != 1:
        raise UserError(f"{command} needs the input {key}=PATH once, but it was given {len(found)} times")
    return found[0]
