"""Whatever a model's folder holds, it becomes safetensors that transformers knows, or one sentence."""

import json
import os
import pty
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ibft.config.sections import Model
from ibft.models import prepare
from ibft.models.loading import load_model
from ibft.models.prepare import prepare_model
from ibft.runtime.errors import UserError
from ibft.store.manifests import write_manifest
from tests.conftest import REPOSITORY
from tests.models.hostile_models import (
    HOSTILE,
    HostileModel,
    a_link_to_itself,
    code_for_the_configuration,
    edited,
    in_shards,
    reweighed,
)
from tests.models.hostile_weights import a_template_that_raises
from tests.tiny_model import LAYERS, make_tiny_model
from tests.warm_python import python


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def folder(tiny: Path, tmp_path: Path) -> Path:
    """A copy to be changed."""
    copy = tmp_path / "tiny"
    shutil.copytree(tiny, copy)
    return copy


def prepared(folder: Path, target: Path) -> dict[str, Any]:
    return prepare_model("mine", Model(source=f"path:{folder}", layers=LAYERS), target)


def files_of(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir() if file.name != "manifest.json"}


def test_a_known_model_is_copied(folder: Path, tmp_path: Path) -> None:
    facts = prepared(folder, tmp_path / "prepared")
    assert facts == {
        "source": f"path:{folder}",
        "revision": None,
        "layers": LAYERS,
        "width": 32,
        "vocabulary": 320,
    }
    assert files_of(tmp_path / "prepared") == files_of(folder)


def test_nothing_stays_of_another_model_of_this_name(folder: Path, tiny: Path, tmp_path: Path) -> None:
    (folder / "special_tokens_map.json").write_text('{"eos_token": "<|im_end|>"}')
    in_shards(folder)
    prepared(folder, tmp_path / "prepared")
    prepared(tiny, tmp_path / "prepared")
    assert files_of(tmp_path / "prepared") == files_of(tiny)


def test_a_model_is_not_prepared_onto_itself(folder: Path, tmp_path: Path) -> None:
    before = files_of(folder)
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(UserError, match="is where the prepared model goes"):
        prepared(tmp_path / "link", folder)
    assert files_of(folder) == before


def test_shards_are_copied_and_what_the_index_leaves_out_is_not(folder: Path, tmp_path: Path) -> None:
    in_shards(folder)
    expected = files_of(folder)
    save_file({"x": torch.ones(1)}, folder / "consolidated.safetensors")
    (folder / "training_args.bin").write_bytes(b"pickle")
    (folder / "tokenizer.py").write_text("raise SystemExit")
    prepared(folder, tmp_path / "prepared")
    assert files_of(tmp_path / "prepared") == expected


def test_the_folders_of_the_hub_cache_are_models(folder: Path, tmp_path: Path) -> None:
    snapshot = tmp_path / "models--owner--tiny" / "snapshots" / "c0ffee"
    blobs = snapshot.parents[1] / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for number, file in enumerate(sorted(folder.iterdir())):
        file.rename(blobs / str(number))
        (snapshot / file.name).symlink_to(f"../../blobs/{number}")
    prepared(snapshot, tmp_path / "prepared")
    assert not any(file.is_symlink() for file in (tmp_path / "prepared").iterdir())
    assert files_of(tmp_path / "prepared") == files_of(snapshot)


def test_tensors_that_the_architecture_ignores_are_no_fault(folder: Path, tmp_path: Path) -> None:
    reweighed(folder, lambda w: w.update({"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(4)}))
    assert prepared(folder, tmp_path / "prepared")["layers"] == LAYERS


def test_a_head_of_its_own_and_half_precision_are_no_fault(folder: Path, tmp_path: Path) -> None:
    weights = {name: tensor.to(torch.bfloat16) for name, tensor in load_file(folder / "model.safetensors").items()}
    weights["lm_head.weight"] = torch.ones(320, 32, dtype=torch.bfloat16)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    edited(folder, "config.json", tie_word_embeddings=False, dtype="bfloat16")
    assert prepared(folder, tmp_path / "prepared")["layers"] == LAYERS


def test_a_model_without_chat_template_is_no_fault(folder: Path, tmp_path: Path) -> None:
    (folder / "chat_template.jinja").unlink()
    assert prepared(folder, tmp_path / "prepared")["layers"] == LAYERS


def test_there_are_sixty_hostile_models() -> None:
    assert len({model.name for model in HOSTILE}) == len(HOSTILE) >= 60


@pytest.mark.parametrize("model", HOSTILE, ids=lambda model: model.name)
def test_a_hostile_model_is_refused_in_one_sentence_and_leaves_nothing(
    model: HostileModel,
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(prepare, "READING_S", 20.0)
    monkeypatch.setattr(prepare, "TEMPLATE_S", 8.0)
    model.change(folder)
    with pytest.raises(UserError, match=model.sentence) as refusal:
        prepared(folder, tmp_path / "prepared")
    sentence = str(refusal.value)
    assert len(sentence.splitlines()) == 1
    assert sentence.isprintable()
    assert len(sentence) < 1000
    assert list((tmp_path / "prepared").iterdir()) == []
    assert capfd.readouterr().err == ""


def test_a_model_larger_than_the_memory_of_jobs_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "_SMALLEST", 1 << 50)
    with pytest.raises(UserError, match=r"use a smaller model, or set compute\.memory_mb") as refusal:
        prepared(folder, tmp_path / "prepared")
    assert "GiB of memory" in str(refusal.value)
    assert list((tmp_path / "prepared").iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("change", [code_for_the_configuration, a_link_to_itself, a_template_that_raises])
def test_the_command_says_the_sentence_and_asks_nothing(folder: Path, tmp_path: Path, change: Any) -> None:
    change(folder)
    script = REPOSITORY / "workflow" / "scripts" / "prepare_model.py"
    job = json.dumps({"name": "mine", "model": {"source": f"path:{folder}", "layers": LAYERS}})
    places = ["--output", tmp_path / "prepared", "--log", tmp_path / "log"]
    status, told = on_a_terminal([script, *places, "--job", job])
    assert status == 1
    told += (tmp_path / "log").read_text()
    assert "models.mine" in told or "model folder" in told
    assert "Traceback" not in told
    assert "this is a bug in ibft" not in told
    assert "Do you wish" not in told
    assert list((tmp_path / "prepared").iterdir()) == []


@pytest.mark.slow
def test_a_prepared_folder_that_asks_for_code_is_loaded_without_a_question(folder: Path) -> None:
    """Preparing refuses such a model; one that was made by hand must not ask either."""
    code_for_the_configuration(folder)
    write_manifest(folder)
    load = "import sys, pathlib, ibft.models.loading as it; it.load_model(pathlib.Path(sys.argv[1]), None, 'float32')"
    status, told = on_a_terminal(["-c", load, folder])
    assert status == 1
    assert "Do you wish to run the custom code" not in told
    assert "the code of the model was run" not in told


def test_a_prepared_model_that_lacks_a_tensor_is_not_loaded(folder: Path) -> None:
    reweighed(folder, lambda weights: weights.pop("model.norm.weight"))
    write_manifest(folder)
    with pytest.raises(UserError, match=r"lack 'model\.norm\.weight'"):
        load_model(folder, None, "float32")


def on_a_terminal(arguments: list[Any]) -> tuple[int, str]:
    """Status and all output of Python with these arguments, whose standard streams are a terminal."""
    terminal, its_end = pty.openpty()
    process = subprocess.Popen(
        [python(), *map(str, arguments)], stdin=its_end, stdout=its_end, stderr=its_end, start_new_session=True
    )
    os.close(its_end)
    told, until = b"", time.monotonic() + 240
    while time.monotonic() < until and select.select([terminal], [], [], 240)[0]:
        try:
            piece = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        told += piece
        if b"[y/N]" in told:
            process.kill()
            break
    status = process.wait(60)
    os.close(terminal)
    return status, told.decode()
