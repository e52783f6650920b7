"""Models and data sets from the hub, by the real libraries and commands, against a stand-in on the loopback."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ibft.store import parquet
from ibft.store.manifests import read_manifest, verify
from ibft.store.schemas import EXAMPLES
from tests.conftest import REPOSITORY
from tests.hub_stand_in import COMMIT, OLDER, Hub, Repository, hub_stand_in
from tests.tiny_model import LAYERS, make_tiny_model
from tests.warm_python import python

TOKEN = "hf_aSecretThatNobodyMayRead"
MIB = 2**20
MODEL, DATASET = "models/owner/tiny", "datasets/owner/rows"
Command = Callable[..., "subprocess.CompletedProcess[str]"]


pytestmark = pytest.mark.slow  # every test starts a stage


@pytest.fixture(scope="module")
def tiny_files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = make_tiny_model(tmp_path_factory.mktemp("tiny"))
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "manifest.json"}


@pytest.fixture
def hub(tiny_files: dict[str, bytes]) -> Iterator[Hub]:
    older = {**tiny_files, "generation_config.json": b'{"max_length": 7}'}
    model = Repository({COMMIT: tiny_files, OLDER: older}, large=("model.safetensors",))
    rows = Repository({COMMIT: _rows("new"), OLDER: _rows("old")})
    with hub_stand_in({MODEL: model, DATASET: rows}) as served:
        yield served


@pytest.fixture
def prepare(hub: Hub, tmp_path: Path) -> Command:
    """Run `prepare_model` or `prepare_dataset` as its rule would, with a home of its own, and HF_TOKEN set."""

    def command(what: str, **keys: object) -> subprocess.CompletedProcess[str]:
        endpoint = keys.pop("endpoint", hub.address)
        environment = {**os.environ, "HF_ENDPOINT": str(endpoint), "HF_HOME": str(tmp_path / "home"), "HF_TOKEN": TOKEN}
        environment |= {str(name): str(keys.pop(name)) for name in list(keys) if name.startswith("HF_")}
        script = [python(), str(REPOSITORY / "workflow" / "scripts" / f"prepare_{what}.py")]
        if what == "model":
            job = {"name": "tiny", "model": {"source": "hub:owner/tiny", "layers": LAYERS, **keys}}
            script += ["--output", str(tmp_path / "model")]
        else:
            job = {"source": "hub:owner/rows", "language": "verilog", **keys}
            script += ["--output", str(tmp_path / "examples.parquet")]
        script += ["--job", json.dumps(job), "--log", str(tmp_path / "log")]
        return subprocess.run(script, capture_output=True, text=True, env=environment, check=False, timeout=120)

    return command


def _rows(answer: str) -> dict[str, bytes]:
    lines = [json.dumps({"instruction": f"question {number}", "response": f"{answer} {number}"}) for number in range(5)]
    return {"train.jsonl": "\n".join(lines).encode()}


def test_the_commit_behind_main_is_recorded_and_the_files_are_checked(
    prepare: Command, hub: Hub, tmp_path: Path
) -> None:
    run = prepare("model")
    assert run.returncode == 0, run.stderr
    manifest = read_manifest(tmp_path / "model")
    assert manifest["revision"] == COMMIT
    verify(tmp_path / "model")
    assert not (tmp_path / "model" / ".cache").exists()
    assert any(headers.get("authorization") == f"Bearer {TOKEN}" for _, headers in hub.requests)


def test_a_pinned_revision_is_what_is_fetched(prepare: Command, tmp_path: Path) -> None:
    assert prepare("model", revision=OLDER).returncode == 0
    assert json.loads((tmp_path / "model" / "generation_config.json").read_text()) == {"max_length": 7}
    run = prepare("dataset", revision=OLDER)
    assert run.returncode == 0, run.stderr
    examples = parquet.read_table(tmp_path / "examples.parquet", EXAMPLES)
    assert list(examples["response"]) == [f"old {number}" for number in range(5)]
    assert read_manifest(tmp_path / "examples.parquet")["revision"] == OLDER


def test_nothing_stays_of_another_revision(prepare: Command, hub: Hub, tmp_path: Path) -> None:
    files = hub.repositories[MODEL].files
    files[OLDER] = {**files[OLDER], "special_tokens_map.json": b"{}"}
    for revision in (OLDER, COMMIT):
        assert prepare("model", revision=revision).returncode == 0
    found = {file.name: file.read_bytes() for file in (tmp_path / "model").iterdir() if file.name != "manifest.json"}
    assert found == files[COMMIT]


def test_a_broken_transfer_is_resumed_where_it_broke(prepare: Command, hub: Hub) -> None:
    repository = hub.repositories[MODEL]
    repository.files[COMMIT] = {**repository.files[COMMIT], "large.json": bytes(12 * MIB)}
    repository.break_after = {"large.json": 11 * MIB}
    run = prepare("model")
    assert run.returncode == 0, run.stderr
    ranges = [headers["range"] for path, headers in hub.requests if path.endswith("large.json") and "range" in headers]
    assert ranges == [f"bytes={10 * MIB}-"]  # the library keeps what it has in pieces of 10 MiB


@pytest.mark.parametrize("file", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_file_that_differs_from_the_recorded_checksum_is_deleted_and_named(
    prepare: Command, hub: Hub, tmp_path: Path, file: str
) -> None:
    hub.repositories[MODEL].wrong_checksum = (file,)
    told = _refusal(prepare("model"), tmp_path)
    assert f"{file} is not what the hub records for owner/tiny" in told
    assert not (tmp_path / "model" / file).exists()
    hub.repositories[MODEL].wrong_checksum = ()
    assert prepare("model").returncode == 0


@pytest.mark.parametrize("large", [True, False])
def test_a_file_of_a_data_set_that_differs_from_the_recorded_checksum_is_deleted_and_named(
    prepare: Command, hub: Hub, tmp_path: Path, large: bool
) -> None:
    repository = hub.repositories[DATASET]
    repository.large = ("train.jsonl",) if large else ()
    repository.wrong_checksum = ("train.jsonl",)
    told = _refusal(prepare("dataset"), tmp_path)
    assert "train.jsonl is not what the hub records for owner/rows" in told
    assert not list((tmp_path / "home" / "hub").rglob("train.jsonl"))
    repository.wrong_checksum = ()
    assert prepare("dataset").returncode == 0


def test_the_description_of_a_data_set_is_checked_as_well(prepare: Command, hub: Hub, tmp_path: Path) -> None:
    repository = hub.repositories[DATASET]
    repository.files[COMMIT] = {**repository.files[COMMIT], "README.md": b"---\nlicense: mit\n---\n"}
    repository.wrong_checksum = ("README.md",)
    assert "README.md is not what the hub records for owner/rows" in _refusal(prepare("dataset"), tmp_path)


@pytest.mark.parametrize(
    ("what", "status", "licence"),
    [
        ("model", 401, "https://huggingface.co/owner/tiny"),
        ("model", 403, "https://huggingface.co/owner/tiny"),
        ("dataset", 403, "https://huggingface.co/datasets/owner/rows"),
    ],
)
def test_a_gated_repository_names_the_licence_and_the_variable(
    prepare: Command, hub: Hub, tmp_path: Path, what: str, status: int, licence: str
) -> None:
    hub.repositories[MODEL].gated = hub.repositories[DATASET].gated = status
    told = _refusal(prepare(what), tmp_path)
    assert f"is gated: accept its licence at {licence}, then set the environment variable HF_TOKEN" in told


@pytest.mark.parametrize(
    ("what", "keys", "sentence"),
    [
        ("model", {"revision": 40 * "1"}, f"has no revision '{40 * '1'}'"),
        ("model", {"source": "hub:owner/absent"}, "hub model owner/absent was not found: check `source`"),
        ("dataset", {"split": "test"}, "split 'test'"),
        ("dataset", {"response": "answer"}, "there is no column 'answer'; it has instruction, response"),
        ("model", {"endpoint": "http://127.0.0.1:9"}, "run `snakemake prefetch` on a machine that reaches the hub"),
        ("dataset", {"HF_HUB_OFFLINE": 1}, "HF_HUB_OFFLINE is set: run `snakemake prefetch`"),
    ],
)
def test_what_is_not_to_be_had_is_one_sentence(
    prepare: Command, tmp_path: Path, what: str, keys: dict[str, object], sentence: str
) -> None:
    assert sentence in _refusal(prepare(what, **keys), tmp_path)


def test_a_model_that_is_refused_for_its_description_is_not_downloaded(
    prepare: Command, hub: Hub, tmp_path: Path
) -> None:
    files = hub.repositories[MODEL].files[COMMIT]
    config = json.loads(files["config.json"]) | {"auto_map": {"AutoConfig": "configuration_mine.MineConfig"}}
    hub.repositories[MODEL].files[COMMIT] = {**files, "config.json": json.dumps(config).encode()}
    told = _refusal(prepare("model"), tmp_path)
    assert "models.tiny: hub:owner/tiny: config.json asks for auto_map" in told
    assert not any(path.endswith("model.safetensors") for path, _ in hub.requests)
    assert list((tmp_path / "model").iterdir()) == []


def _refusal(run: "subprocess.CompletedProcess[str]", folder: Path) -> str:
    """What a failed command said, which must be a sentence, and must not hold the token."""
    told = run.stdout + run.stderr + (folder / "log").read_text()
    assert run.returncode == 1, told
    assert "Traceback" not in told
    assert TOKEN not in told
    return told
