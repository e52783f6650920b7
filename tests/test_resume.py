"""`ibft resume` hands everything that follows it to Snakemake, as it is."""

import argparse

import pytest

from ibft import resume


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["-n"],
        ["--cores", "all"],
        ["--configfile", "paper.yaml", "mine.yaml", "--", "table1", "fig4"],
        ["table1", "--config", "seed=1"],
    ],
)
def test_snakemakes_options_and_targets_are_not_taken_apart(options: list[str]) -> None:
    parser = argparse.ArgumentParser()
    resume.add_parser(parser.add_subparsers())
    assert parser.parse_args(["resume", *options]).options == options
