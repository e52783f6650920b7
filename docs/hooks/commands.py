"""Write the page of every command of `ibft`, from its own `--help`."""

import argparse
import os
from importlib import import_module
from unittest import mock

from ibft.cli import COMMANDS

_WIDTH = 100
_INTRODUCTION = """# Commands

What `ibft COMMAND --help` prints. The workflow itself is Snakemake's: every option of `snakemake` works, and
`ibft run` and `ibft resume` pass theirs on to it.
"""


def page() -> str:
    """Return the page in Markdown, with a section per command."""
    commands = argparse.ArgumentParser(prog="ibft").add_subparsers(metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"ibft.commands.{name}").add_parser(commands)
    with mock.patch.dict(os.environ, COLUMNS=str(_WIDTH)):
        helps = {name: commands.choices[name].format_help() for name in COMMANDS}
    return "\n".join([_INTRODUCTION, *(f"## ibft {name}\n\n```text\n{text}```\n" for name, text in helps.items())])
