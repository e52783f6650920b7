"""Whole families are held out, the same ones for the same seed, and something is always left to train on."""

import json
from importlib import util
from pathlib import Path

import pandas as pd
import pytest

from ibft.config.sections import HeldOut
from ibft.data.held_out import held_out_families
from ibft.runtime.errors import UserError
from ibft.store.parquet import read_table, write_table
from ibft.store.schemas import EXAMPLES
from tests.conftest import REPOSITORY

FAMILIES = {f"family-{number}": 1 + number % 3 for number in range(50)}


def test_families_are_drawn_by_seed_until_they_hold_the_share() -> None:
    drawn = held_out_families(FAMILIES, HeldOut(), seed=0)
    assert 10 <= sum(FAMILIES[name] for name in drawn) <= 12
    backwards = dict(reversed(FAMILIES.items()))
    assert drawn == held_out_families(backwards, HeldOut(), seed=0) != held_out_families(FAMILIES, HeldOut(), seed=1)
    assert len(held_out_families(dict.fromkeys(map(str, range(900)), 1), HeldOut(examples=7), seed=0)) == 7


def test_data_of_one_family_is_not_held_out() -> None:
    with pytest.raises(UserError, match=r"held_out\.fraction: 0\.1 of 30 examples in 1 families"):
        held_out_families({"all": 30}, HeldOut(), seed=0)


def test_the_script_divides_the_table(tmp_path: Path) -> None:
    rows = [
        {"example_id": f"e{n}", "instruction": "i", "response": "r", "language": "verilog", "source": f"family-{n % 5}"}
        for n in range(20)
    ]
    write_table(tmp_path / "examples", EXAMPLES, rows)
    spec = util.spec_from_file_location("hold_out", REPOSITORY / "workflow" / "scripts" / "hold_out.py")
    script = util.module_from_spec(spec)
    spec.loader.exec_module(script)
    options = ["--examples", "examples", "--training", "training", "--held-out", "held_out"]
    paths = [option if option.startswith("--") else str(tmp_path / option) for option in options]
    job = json.dumps({"held_out": {"fraction": 0.25}, "seed": 3})
    script.main(script.parser().parse_args([*paths, "--job", job]))
    training, held = (read_table(tmp_path / name, EXAMPLES) for name in ("training", "held_out"))
    assert (held["source"].nunique(), len(held), len(training)) == (2, 8, 12)
    assert not set(held["source"]) & set(training["source"])
    assert sorted(pd.concat([training, held])["example_id"]) == sorted(row["example_id"] for row in rows)
