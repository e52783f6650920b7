"""The command `ibft`: judge completions; plan, resume, verify, compare and clean runs; say what this machine offers.

Nothing here imports torch.
"""

import argparse
from pathlib import Path

from ibft.commands import clean, compare, doctor, jobs, plan, resume, score, verify
from ibft.runtime.stage import run_stage


def main() -> None:
    """Entry point of the command."""
    parser = argparse.ArgumentParser(prog="ibft", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--log", type=Path, help="append progress and errors here as well")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for command in (score, plan, jobs, resume, verify, compare, doctor, clean):
        command.add_parser(commands)
    run_stage(lambda arguments: arguments.run(arguments), parser)
