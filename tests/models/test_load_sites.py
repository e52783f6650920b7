"""The sources, read as syntax: every load goes through one place, and no pickle is read anywhere."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

# Names that load a model, a tokenizer, an adapter, a data set or a pickle, and the modules that may use them.
LOADS = {
    "from_pretrained": "src/ibft/models/loaders.py",
    "from_config": "nowhere",
    "AutoConfig": "src/ibft/models/loaders.py",
    "AutoTokenizer": "src/ibft/models/loaders.py",
    "AutoModel": "nowhere",
    "AutoModelForCausalLM": "src/ibft/models/loaders.py",
    "GgufConfig": "src/ibft/models/loaders.py",
    "LLM": "src/ibft/models/loaders.py",
    "pipeline": "nowhere",
    "load_adapter": "nowhere",
    "PeftConfig": "nowhere",
    "from_file": "nowhere",
    "snapshot_download": "src/ibft/data/hub.py",
    "hf_hub_download": "src/ibft/data/hub.py",
    "load_dataset": "src/ibft/data/hub_datasets.py",
    "load_dataset_builder": "src/ibft/data/hub_datasets.py",
}
PICKLES = {"torch.load", "pickle.load", "pickle.loads", "joblib.load", "numpy.load", "np.load", "pd.read_pickle"}
SOURCES = sorted(
    path.relative_to(REPOSITORY)
    for folder in ("src", "workflow", "perf")
    for path in (REPOSITORY / folder).rglob("*.py")
)


def names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Every name and attribute that is used, and every name that is imported, with its line."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr, node.lineno
        elif isinstance(node, ast.Name):
            yield node.id, node.lineno
        elif isinstance(node, ast.ImportFrom | ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno


def parsed(path: Path) -> ast.AST:
    return ast.parse((REPOSITORY / path).read_text())


def test_every_load_goes_through_one_place() -> None:
    astray = [
        f"{path}:{line} {name}"
        for path in SOURCES
        for name, line in names(parsed(path))
        if name in LOADS and str(path) != LOADS[name]
    ]
    assert astray == []


def test_no_pickle_is_read() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path in SOURCES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute) and ast.unparse(node) in PICKLES
    ]
    assert found == []


@pytest.mark.parametrize("loader", ["AutoConfig", "AutoTokenizer", "AutoModelForCausalLM"])
def test_every_load_is_told_what_transformers_would_decide_or_ask(loader: str) -> None:
    """`_LOCAL` holds that code is not trusted and that nothing is fetched; weights need three things more."""
    tree = parsed(Path("src/ibft/models/loaders.py"))
    calls = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == f"{loader}.from_pretrained"
    ]
    assert len(calls) == 2
    for call in calls:
        told = {keyword.arg or ast.unparse(keyword.value) for keyword in call.keywords}
        assert "_LOCAL" in told
        if loader == "AutoModelForCausalLM":
            assert {"dtype", "attn_implementation"} < told
            assert told & {"use_safetensors", "gguf_file"}
    local = next(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "_LOCAL" and node.value
    )
    assert ast.literal_eval(local) == {"local_files_only": True, "trust_remote_code": False}
