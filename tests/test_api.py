"""The Python API: eight functions, cheap to import, that do what the stages do; and the notebook that shows them."""

import ast
import inspect
import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from ibft import api
from ibft.config.sections import Benchmark
from ibft.data.benchmarks import prepare_benchmark
from ibft.runtime.errors import UserError
from ibft.store.schemas import EXAMPLES, METRICS, VERDICTS
from tests.conftest import REPOSITORY
from tests.tiny_model import make_tiny_model


def test_there_are_at_most_eight_functions_and_each_is_documented() -> None:
    public = [name for name in vars(api) if not name.startswith("_") and callable(vars(api)[name])]
    own = [name for name in public if vars(api)[name].__module__ == "ibft.api"]
    assert sorted(own) == sorted(api.__all__) and len(own) <= 8
    for name in own:
        document = vars(api)[name].__doc__
        assert document and "Raises:" in document and name in (api.__doc__ or "")


def test_the_example_in_its_docstring_fits_the_functions() -> None:
    tree = ast.parse(textwrap.dedent(str(api.__doc__).partition("\n\n")[2].partition("\n\nTables are")[0]))
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    called = [(node.func.id, node) for node in calls if node.func.id != "print"]
    for name, node in called:
        inspect.signature(vars(api)[name]).bind(*node.args, **{str(each.arg): each.value for each in node.keywords})
    assert sorted(name for name, _ in called) == sorted(api.__all__)


def test_to_import_it_imports_next_to_nothing() -> None:
    told = "import sys, ibft.api; print({'torch', 'pandas', 'numpy', 'pydantic'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert run.stdout == "set()\n"


def test_judging_and_metrics_need_no_torch_and_count_what_passes() -> None:
    problems = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python")).head(3)
    right = problems.assign(sample=0, code=problems["prompt"] + problems["reference_solution"])
    wrong = problems.assign(sample=1, code="def nothing():\n    pass\n")
    samples = pd.concat([right, wrong])[["task_id", "sample", "code"]]
    verdicts = api.judge(samples, "humaneval")
    assert list(verdicts.columns) == VERDICTS.schema.names
    assert verdicts.groupby("sample")["passed"].sum().tolist() == [3, 0]
    measured = api.metrics({"mine": verdicts}, k=[1, 2], m=[2])
    assert list(measured.columns) == METRICS.schema.names
    assert measured.set_index(["k", "m"])["estimate"].to_dict() == {(1, 1): 0.5, (2, 1): 1.0, (2, 2): 0.0}
    with pytest.raises(UserError, match="HumanEval/0 is no problem of rtl-mini"):
        api.judge(samples, "rtl-mini")


def test_data_is_read_and_selected_as_a_run_does(tmp_path: Path) -> None:
    rows = [{"prompt": f"question {number}", "completion": f"answer {number}"} for number in range(10)]
    (tmp_path / "rows.json").write_text(json.dumps(rows))
    data = api.load_data(str(tmp_path / "rows.json"), language="english")
    assert list(data.columns) == EXAMPLES.schema.names and len(data) == 10
    scores = pd.DataFrame({"example_id": data["example_id"], "k": 20, "min_k_prob": range(10)})
    assert api.select(data, scores, keep_fraction=0.3)["instruction"].tolist() == [f"question {n}" for n in (7, 8, 9)]
    assert len(api.select(data, by="random", keep_fraction=0.5)) == 5
    with pytest.raises(UserError, match="selection by mink needs scores"):
        api.select(data)
    with pytest.raises(UserError, match="exmples"):
        api.load_data("rtl", language="verilog", exmples=3)


@pytest.mark.slow
def test_the_notebook_runs_from_data_to_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a tiny model, which the notebook takes from IBFT_NOTEBOOK_MODEL; everything else is as it stands."""
    monkeypatch.setenv("IBFT_NOTEBOOK_MODEL", str(make_tiny_model(tmp_path / "model")))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(REPOSITORY / "src"), os.environ.get("PYTHONPATH", "")]))
    notebook = nbformat.read(REPOSITORY / "docs" / "notebook.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    NotebookClient(notebook, timeout=500, resources={"metadata": {"path": str(tmp_path)}}).execute()
    source = "\n".join(cell.source for cell in notebook.cells)
    assert all(f"{name}(" in source for name in api.__all__)
    page = (tmp_path / "report" / "report.html").read_text()
    assert "Pass@1" in page and "IB-FT" in page
