"""`ibft watch [RESULTS]`: what a run is doing now: stages, jobs at work, their rate and time left, and the last errors.

    ibft watch                            the run with the folder `results`
    ibft watch /scratch/me/run/results    any other, also one that another machine or SLURM runs
    ibft watch --configfile mine.yaml     the run of a configuration
    ibft watch --once                     print it once and exit, for a pipe, a mail or a screenshot

It reads what is on the disk: Snakemake's notes, and logs and journals of jobs. It starts no server and touches nothing,
so you may open and close it (Ctrl-C) at any time, on any machine that sees the folder, over SSH as well. `left` is by
the rate of a job's last line of progress, and by the time that finished jobs of the same kind have taken.
"""

import argparse
import sys
import time
from contextlib import chdir
from pathlib import Path

from rich.console import Console
from rich.live import Live

from ibft.config.loading import load_layers
from ibft.runtime.errors import UserError
from ibft.runtime.workflow_folder import workflow_folder
from ibft.watch.screen import as_text, screen
from ibft.watch.snapshot import take_snapshot


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = commands.add_parser(
        "watch",
        help="what a run is doing now",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", type=Path, nargs="?", help="results folder of the run (default: results)")
    parser.add_argument("--configfile", type=Path, nargs="+", default=[], help="of the run, whose key `results` counts")
    parser.add_argument("--directory", type=Path, default=Path(), help="as for Snakemake: where the run works")
    parser.add_argument("--once", action="store_true", help="print it once and exit, as where there is no terminal")
    parser.add_argument("--interval", type=float, default=2.0, help="seconds between looks (default: 2)")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> None:
    """Show the run until Ctrl-C, or once.

    Raises:
        UserError: no run was started in the folder, or `--interval` is not positive.
    """
    if not arguments.interval > 0:
        raise UserError(f"--interval {arguments.interval}: give the seconds between two looks, such as 2")
    results = results_of(arguments)
    console = Console(highlight=False)
    if arguments.once and console.is_terminal:
        console.print(screen(take_snapshot(results), console.width))
    elif arguments.once or not console.is_terminal:
        print(as_text(take_snapshot(results), console.width))
    else:
        show(results, console, arguments.interval)


def results_of(arguments: argparse.Namespace) -> Path:
    """Return the results folder that is meant.

    Raises:
        UserError: a folder and a configuration are both named.
    """
    if arguments.results and arguments.configfile:
        raise UserError("name a results folder or --configfile, not both")
    if arguments.configfile:
        layers = [path.absolute() for path in arguments.configfile]
        with chdir(arguments.directory):  # from where `path:` sources are looked up
            config = load_layers(layers, workflow_folder() / "config" / "config.yaml")
        named = Path(config.results)
    else:
        named = arguments.results or Path("results")
    found: Path = arguments.directory / named
    return found


def show(results: Path, console: Console, interval: float) -> None:
    """Draw the screen again and again; Ctrl-C ends it quietly."""
    try:
        with Live(console=console, screen=True, auto_refresh=False) as live:
            while True:
                live.update(screen(take_snapshot(results), console.width, console.height), refresh=True)
                time.sleep(interval)
    except KeyboardInterrupt:
        sys.exit(0)
