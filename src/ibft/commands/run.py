"""`ibft run [CONFIG]`: everything that a configuration asks for, from any folder; what is done is not done again.

    ibft run                        the embedded default: a real 135M model on two CPU cores, half an hour
    ibft run mine.yaml              a configuration of your own, such as `ibft init` writes
    ibft run mine.yaml -n           what would run, and why
    ibft run mine.yaml table1       one table or figure, and only what it needs

Results go to the folder `results` (key `results` of the configuration) in the folder where you are. A run that was
killed goes on with the same command. Further options are Snakemake's: `--cores 4`, `--config seed=1`,
`--workflow-profile profiles/slurm`. Without `--cores`, all cores are used.
"""

import argparse
from pathlib import Path

from ibft.commands.resume import become_snakemake
from ibft.runtime.errors import UserError
from ibft.runtime.workflow_folder import workflow_folder

_YAML = (".yaml", ".yml")


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "run",
        help="run a configuration, in any folder",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        usage="ibft run [CONFIG.yaml ...] [TARGET ...] [Snakemake's options]",
    )
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="CONFIG", help="YAML files, targets and options")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Become Snakemake, which runs the workflow in this folder.

    Raises:
        UserError: a configuration is absent or cannot be read; a run that holds the lock is still at work.
    """
    become_snakemake(options_of(arguments.words))


def options_of(words: list[str]) -> list[str]:
    """Return Snakemake's options for the words of a command line: leading YAML files are configurations."""
    layers = []
    while words and words[0].endswith(_YAML):
        layers.append(words[0])
        words = words[1:]
    if missing := [layer for layer in layers if not Path(layer).is_file()]:
        raise UserError(f"{missing[0]} does not exist: `ibft init --output {missing[0]}` writes a configuration")
    targets = []
    while words and not words[0].startswith("-"):
        targets.append(words[0])
        words = words[1:]
    cores = [] if asks_for_cores(words) else ["--cores", "all"]
    configured = ["--configfile", *layers] if layers else []
    snakefile = ["--snakefile", str(workflow_folder() / "Snakefile")]
    return [*snakefile, *configured, *cores, *words, *(["--", *targets] if targets else [])]


def asks_for_cores(words: list[str]) -> bool:
    """Return true where the options say how many jobs may run, or where."""
    ways = ("--cores", "-c", "--jobs", "-j", "--profile", "--workflow-profile")
    return any(word.split("=")[0] in ways or word[:2] in ("-c", "-j") for word in words)
