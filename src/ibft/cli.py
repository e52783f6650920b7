"""The command `ibft`: set up and run, audit, judge, plan, verify, compare; see `ibft COMMAND --help`.

Nothing here imports torch.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from ibft.runtime.errors import UserError
from ibft.runtime.stage import run_stage

COMMANDS = (
    *("init", "run", "watch", "audit", "score", "plan", "jobs", "resume", "verify", "compare"),
    *("export", "crate", "doctor", "clean"),
)
ON_LINUX = ("run", "audit", "score", "resume", "doctor")  # they judge completions, or say whether that can be done here


def main() -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(prog="ibft", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--log", type=Path, help="append progress and errors here as well")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # The command that is asked for starts at once: what the others import takes seconds.
    asked = [name for name in sys.argv[1:2] if name in COMMANDS]
    for name in asked or COMMANDS:
        _add(commands, name)
    run_stage(lambda arguments: arguments.run(arguments), parser)


def _add(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str) -> None:
    if sys.platform != "linux" and name in ON_LINUX:
        told = f"needs Linux, and this is {sys.platform}: use a container or a virtual machine (docs/containers.md)"
        _add_refusal(commands, name, told)
        return
    try:
        import_module(f"ibft.commands.{name}").add_parser(commands)
    except ModuleNotFoundError as error:
        _add_refusal(commands, name, f"needs {error.name}, which is not installed: pip install 'ibft[train]'")


def _add_refusal(commands: "argparse._SubParsersAction[argparse.ArgumentParser]", name: str, told: str) -> None:
    """Add a command that cannot run here, as one that says what to do."""

    def refuse(_: argparse.Namespace) -> None:
        raise UserError(f"ibft {name} {told}")

    parser = commands.add_parser(name, help=told.replace("%", "%%"), prefix_chars="\0", add_help=False)
    parser.add_argument("words", nargs=argparse.REMAINDER)
    parser.set_defaults(run=refuse)
