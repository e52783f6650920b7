"""The command `ibft`: judge completions; plan, resume, verify, compare and clean runs; say what this machine offers.

Nothing here imports torch.
"""

import argparse
import sys
from importlib import import_module
from pathlib import Path

from ibft.runtime.stage import run_stage

COMMANDS = ("score", "plan", "jobs", "resume", "verify", "compare", "doctor", "clean")


def main() -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(prog="ibft", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--log", type=Path, help="append progress and errors here as well")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    # The command that is asked for starts at once: what the others import takes seconds.
    asked = [name for name in sys.argv[1:2] if name in COMMANDS]
    for name in asked or COMMANDS:
        import_module(f"ibft.commands.{name}").add_parser(commands)
    run_stage(lambda arguments: arguments.run(arguments), parser)
