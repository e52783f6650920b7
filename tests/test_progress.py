"""Progress: a bar with rate and remaining time on a terminal, lines elsewhere."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from ibft.runtime.progress import progress_line

PROGRAM = """
import time
from ibft.runtime.progress import progress, start_logging
start_logging(None)
with progress("training", unit="steps", total=5) as bar:
    for _ in range(5):
        time.sleep(0.15)
        bar.advance()
"""


def test_a_terminal_of_unknown_width_shows_a_bar_with_rate_and_remaining_time() -> None:
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    subprocess.run([sys.executable, "-c", PROGRAM], stderr=theirs, check=True, env=environment)
    shown = os.read(ours, 1 << 16).decode()
    assert "training:  60%|" in shown
    assert "3/5 [00:00<00:00, " in shown and " steps/s]" in shown


def test_without_a_terminal_there_is_no_bar() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], check=True, capture_output=True, text=True)
    assert "|" not in done.stderr
    assert "training: 5 steps in" in done.stderr


def test_a_line_says_how_far_how_fast_and_how_much_longer() -> None:
    assert progress_line("training", "steps", 30, 120, 2.0) == "training: 30/120 steps (25%), 2.0 steps/s, 45 s left"


@pytest.mark.parametrize("place", ["folder", "pipe", "file/log"])
def test_a_log_that_cannot_be_written_is_refused_in_one_line(tmp_path: Path, place: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    program = "from ibft.runtime.stage import *; run_stage(lambda _: print('ran'), stage_parser(''))"
    command = [sys.executable, "-c", program, "--log", str(tmp_path / place)]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert (ended.returncode, ended.stdout) == (1, "")
    assert f"--log: {tmp_path / place} " in ended.stderr and ended.stderr.count("\n") == 1
