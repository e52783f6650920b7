"""The rtl generator: many distinct, balanced, reproducible examples whose modules compile and do what they say."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from ibft.data.builtin.rtl.generator import GROUPS, generate
from ibft.data.builtin.rtl.state_machines import matched
from tests.data.verilog import compiles, needs_iverilog, simulated


@pytest.fixture(scope="module")
def examples() -> pd.DataFrame:
    return generate(0)


def test_has_thousands_of_distinct_pairs_of_every_kind_of_logic(examples: pd.DataFrame) -> None:
    assert len(examples) >= 3000
    assert examples["example_id"].is_unique
    assert examples["instruction"].is_unique
    groups = examples["source"].str.split("/").str[1].unique()
    assert set(groups) == set(GROUPS)


def test_a_prefix_is_balanced_over_families(examples: pd.DataFrame) -> None:
    families = sum(len(families) for families in GROUPS.values())
    counts = examples.head(4 * families)["source"].value_counts()
    assert len(counts) == families
    assert counts.max() - counts.min() <= 1


@pytest.mark.slow
def test_the_same_seed_gives_the_same_examples_whatever_the_hash_seed(examples: pd.DataFrame) -> None:
    script = (
        "import hashlib; from ibft.data.builtin.rtl.generator import generate; f = generate(0);"
        "print(hashlib.sha256(f.to_csv().encode()).hexdigest())"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(digests) == 1
    assert generate(0).equals(examples)
    assert not generate(1)["instruction"].equals(examples["instruction"])


@pytest.mark.slow
@needs_iverilog
def test_every_module_compiles_without_a_warning(examples: pd.DataFrame, tmp_path: Path) -> None:
    modules = [
        response.replace("module top_module", f"module m{number}", 1)
        for number, response in enumerate(examples["response"])
    ]
    source = tmp_path / "all.sv"
    source.write_text("\n".join(modules))
    result = compiles(source)
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_responses_are_one_plain_module_in_the_house_style(examples: pd.DataFrame) -> None:
    for response in examples["response"]:
        assert re.match(r"module top_module (#\(parameter \w+ = \d+\) )?\(\n\t(input|output) ", response)
        assert response.endswith("\nendmodule")
        assert response.count("module top_module") == 1
        assert "```" not in response


def _reverse(value: int, width: int) -> int:
    return int(f"{value:0{width}b}"[::-1], 2)


def _lowest_or_highest(instruction: str, value: int, width: int) -> int:
    places = range(width) if "lowest" in instruction else range(width)[::-1]
    return next((place for place in places if value >> place & 1), places[-1])


def _rotated(instruction: str, value: int, width: int) -> int:
    amount = int(re.search(r"by (\d+) bit", instruction)[1])
    amount = amount if "left" in instruction else width - amount
    return (value << amount | value >> width - amount) & (1 << width) - 1


def _magnitude(value: int, width: int) -> int:
    return (1 << width) - value if value >> width - 1 else value


BEHAVIOURS: dict[str, Callable[[str, int, int], int]] = {
    "vectors/reversal": lambda _, value, width: _reverse(value, width),
    "vectors/rotation": _rotated,
    "vectors/parity": lambda text, value, _: (value.bit_count() + ("odd" in text)) % 2,
    "arithmetic/bit_count": lambda _, value, __: value.bit_count(),
    "arithmetic/absolute_value": lambda _, value, width: _magnitude(value, width),
    "selectors/priority_encoder": _lowest_or_highest,
}


@needs_iverilog
@pytest.mark.parametrize("family", BEHAVIOURS)
def test_modules_with_one_input_compute_what_the_instruction_says(
    family: str, examples: pd.DataFrame, tmp_path: Path
) -> None:
    chosen = examples[examples["source"] == f"rtl/{family}"].head(12)
    lines, expected = [], []
    for row in chosen.itertuples():
        number, width, name = row.Index, *_input(row.response)
        lines.append(row.response.replace("top_module", f"m{number}", 1))
        lines.append(f"module t{number}; reg [{width - 1}:0] x; wire [63:0] y; m{number} dut (x, y); initial begin")
        for value in {0, 1, 2**width - 1, 2 ** (width - 1), 0x5A3C96E1 % 2**width, 0x1F00FF07 % 2**width}:
            wanted = BEHAVIOURS[family](row.instruction, value, width)
            lines.append(
                f'x = {value}; #{number + 1} $display("{number} %0d %0d", x, y[{_output_width(row.response) - 1}:0]);'
            )
            expected.append(f"{number} {value} {wanted}")
        lines.append("end endmodule")
        assert name
    tops = "".join(f"t{number} i{number} ();" for number in chosen.index)
    printed = simulated(tmp_path, "\n".join([*lines, f"module tb; {tops} endmodule"]))
    assert sorted(line for line in printed.splitlines() if re.fullmatch(r"\d+ \d+ \d+", line)) == sorted(expected)


def _input(response: str) -> tuple[int, str]:
    found = re.search(r"input \[(\d+):0\] (\w+)", response)
    return int(found[1]) + 1, found[2]


def _output_width(response: str) -> int:
    found = re.search(r"output (?:\[(\d+):0\] )?\w+", response)
    return int(found[1] or 0) + 1


@pytest.mark.parametrize("pattern", ["00", "10", "011", "111", "1011"])
def test_the_detectors_states_follow_the_longest_match(pattern: str) -> None:
    bits = "11010111001101111010010110011100010"
    state = 0
    for position, bit in enumerate(bits, start=1):
        state = matched(pattern, pattern[:state] + bit)
        assert (state == len(pattern)) == bits[:position].endswith(pattern)
