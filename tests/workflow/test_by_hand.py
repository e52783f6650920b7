"""`ibft jobs RULE` prints commands that one can run by hand."""

import subprocess

from tests.workflow.conftest import Checkout


def test_a_printed_command_writes_what_the_workflow_wrote(checkout: Checkout) -> None:
    asked = ["jobs", "select_examples", "--configfile", str(checkout.work / "config.yaml")]
    asked += ["--directory", str(checkout.work)]
    command = [str(checkout.python), "-c", "from ibft.cli import main; main()", *asked]
    environment = checkout.environment()
    listed = subprocess.run(
        command, capture_output=True, text=True, check=True, cwd=checkout.root, env=environment
    ).stdout
    tables = sorted((checkout.work / "results" / "selection").rglob("*.parquet"))
    assert listed.count("select_examples.py --job ") == len(tables) == 3
    before = [table.read_bytes() for table in tables]
    for table in tables:
        table.unlink()
    subprocess.run(["bash", "-ec", listed], check=True, cwd=checkout.root, env=environment)
    assert [table.read_bytes() for table in tables] == before
