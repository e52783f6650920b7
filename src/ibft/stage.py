"""The frame round every command: logging, one-sentence errors, exit status.

if __name__ == "__main__":
    run_stage(main, parser())
"""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from ibft.errors import UserError
from ibft.progress import start_logging

logger = logging.getLogger(__name__)


def stage_parser(doc: str | None) -> argparse.ArgumentParser:
    """An argument parser that shows the script's docstring and has the options that every stage has."""
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", type=Path, help="append progress and errors here as well")
    return parser


def run_stage(main: Callable[[argparse.Namespace], None], parser: argparse.ArgumentParser) -> None:
    """Parse the command line, run `main`, and exit 1 with a sentence (`UserError`) or a logged traceback (a bug)."""
    arguments = parser.parse_args()
    start_logging(arguments.log)
    try:
        main(arguments)
    except UserError as error:
        logger.error("%s", error)
        sys.exit(1)
    except KeyboardInterrupt:
        logger.error("interrupted; a rerun continues from here")
        sys.exit(130)
    except Exception:
        logger.exception("this is a bug in ibft")
        sys.exit(1)
