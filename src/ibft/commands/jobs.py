"""`ibft jobs RULE`: the command of every job of a rule, ready to be run by hand.

A command reads what earlier stages have written, and writes where the workflow would.
"""

import argparse
import os
import re
import shlex

from ibft.config.messages import suggestion
from ibft.plan.jobs import add_workflow_options, asked_of_snakemake, list_jobs
from ibft.runtime.errors import UserError

_SCRIPT = re.compile(r'"\$IBFT_SCRIPTS/(\w+\.py)"')  # as rules name it


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser("jobs", help="the commands of a rule's jobs", description=__doc__)
    parser.add_argument("rule", help="of the workflow, such as train")
    parser.add_argument("targets", nargs="*", help="of Snakemake, such as table1 (default: everything)")
    add_workflow_options(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Print a command for each job of the rule, whether Snakemake would start it or not.

    Raises:
        UserError: the run has no job of this rule.
    """
    every = list_jobs(
        arguments.snakefile.absolute(), [*asked_of_snakemake(arguments), "--forceall", "--", *arguments.targets]
    )
    commands = [job.command for job in every if job.rule == arguments.rule]
    if not commands:
        rules = tuple(dict.fromkeys(job.rule for job in every))
        raise UserError(f"this run has no job of the rule {arguments.rule}{suggestion(arguments.rule, rules)}")
    scripts = os.path.relpath(arguments.snakefile.absolute().parent / "workflow" / "scripts", arguments.directory)
    by_hand = [_SCRIPT.sub(lambda match: shlex.quote(f"{scripts}/{match[1]}"), command) for command in commands]
    here = [] if arguments.directory.samefile(".") else [f"cd {shlex.quote(str(arguments.directory))}"]
    print("\n\n".join([*here, *by_hand]))
