"""A published adapter becomes a folder that every stage reads, or one sentence."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from ibft.models.adapters import prepare_adapter
from ibft.models.loading import load_model
from ibft.runtime.errors import UserError
from ibft.store.manifests import read_manifest, verify, write_manifest
from tests.conftest import REPOSITORY
from tests.hub_stand_in import COMMIT, OLDER, Repository, hub_stand_in
from tests.models.hostile_models import edited
from tests.tiny_model import make_adapter, make_tiny_model
from tests.warm_python import python

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def published(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_adapter(base, tmp_path_factory.mktemp("published"))


@pytest.fixture
def folder(published: Path, tmp_path: Path) -> Path:
    """A copy to be changed."""
    return Path(shutil.copytree(published, tmp_path / "published"))


def prepared(base: Path, folder: Path, target: Path) -> dict[str, Any]:
    return prepare_adapter("theirs", f"path:{folder}", None, base, target)


def test_an_adapter_is_copied_without_what_lies_beside_it(base: Path, folder: Path, tmp_path: Path) -> None:
    (folder / "optimizer.pt").write_bytes(b"pickle")
    (folder / "tokenizer.json").write_text("{}")
    facts = prepared(base, folder, tmp_path / "out")
    write_manifest(tmp_path / "out")
    assert {file.name for file in (tmp_path / "out").iterdir()} == {CONFIG, WEIGHTS, "manifest.json"}
    assert (facts["rank"], facts["layers"], facts["revision"]) == (4, 6, None)  # q_proj and down_proj of three layers
    tokens_BT = torch.arange(3, 13)[None]
    before = load_model(base, None, "float32")[0](tokens_BT).logits
    (folder / "optimizer.pt").unlink()
    (folder / "tokenizer.json").unlink()
    places = (folder, tmp_path / "out")
    own, merged = (load_model(base, place, "float32", merge=True)[0](tokens_BT).logits for place in places)
    assert torch.equal(own, merged) and not torch.allclose(own, before, atol=1e-2)


def reweighed(change: Callable[[Tensors], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        tensors = load_file(folder / WEIGHTS)
        change(tensors)
        save_file(tensors, folder / WEIGHTS, {"format": "pt"})

    return apply


def settled(**keys: object) -> Callable[[Path], None]:
    return lambda folder: edited(folder, CONFIG, **keys)


def any_of(tensors: Tensors, part: str) -> str:
    return next(name for name in sorted(tensors) if part in name)


def as_a_pickle(folder: Path) -> None:
    (folder / WEIGHTS).rename(folder / "adapter_model.bin")


REFUSED = {
    "a pickle": (as_a_pickle, "has no adapter_model.safetensors; pickles are never read"),
    "no description": (lambda folder: (folder / CONFIG).unlink(), "has no adapter_config.json"),
    "no JSON": (lambda folder: (folder / CONFIG).write_text("{"), "is no JSON that can be relied on"),
    "half a file": (lambda folder: os.truncate(folder / WEIGHTS, 900), "no whole safetensors file"),
    "another kind": (settled(peft_type="IA3"), "is of 'IA3'"),
    "code": (settled(auto_mapping={"parent_library": "mine"}), "LoRA of transformers is read alone"),
    "rank 0": (settled(r=0), "says r: 0"),
    "another rank": (settled(r=8), "has the shape"),
    "no alpha": (settled(lora_alpha="much"), "says lora_alpha: 'much'"),
    "DoRA": (settled(use_dora=True), "asks for 'use_dora': True"),
    "ranks by layer": (settled(rank_pattern={"q_proj": 2}), "asks for 'rank_pattern'"),
    "a head of its own": (settled(modules_to_save=["lm_head"]), "asks for 'modules_to_save'"),
    "a key of the future": (settled(turbo="on"), "asks for 'turbo': 'on'"),
    "PiSSA": (settled(init_lora_weights="pissa"), "says init_lora_weights: 'pissa'"),
    "the head": (settled(target_modules=["lm_head"]), "LoRA beside 'lm_head', which is no linear layer"),
    "other layers": (settled(target_modules=["c_attn"]), "target_modules fit no layer of this base"),
    "fewer layers": (settled(target_modules=["q_proj"]), "has no place for"),
    "more layers": (settled(target_modules=["q_proj", "down_proj", "v_proj"]), "it lacks"),
    "NaN": (reweighed(lambda t: t[any_of(t, "lora_A")].fill_(torch.nan)), "NaN or infinite"),
    "integers": (reweighed(lambda t: t.update({k: v.int() for k, v in t.items()})), "no floating-point numbers"),
    "another width": (reweighed(lambda t: t.update({any_of(t, "lora_A"): torch.ones(4, 33)})), "has the shape [4, 33]"),
    "a tensor less": (reweighed(lambda t: t.pop(any_of(t, "lora_B"))), "it lacks"),
    "a tensor more": (reweighed(lambda t: t.update({"ib_head.weight": torch.ones(2)})), "it holds 'ib_head.weight'"),
    "not trained": (reweighed(lambda t: [v.zero_() for k, v in t.items() if "lora_B" in k]), "every LoRA B matrix is"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_plain_adapter_of_this_base_is_one_sentence_and_leaves_nothing(
    base: Path, folder: Path, tmp_path: Path, name: str
) -> None:
    change, sentence = REFUSED[name]
    change(folder)
    with pytest.raises(UserError) as refused:
        prepared(base, folder, tmp_path / "out")
    told = str(refused.value)
    assert told.startswith(f"methods.theirs.adapter: path:{folder}: ") and sentence in told and "\n" not in told
    assert list((tmp_path / "out").iterdir()) == []


def test_another_base_of_the_same_shapes_is_told_of(
    base: Path, folder: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    edited(folder, CONFIG, base_model_name_or_path="owner/another-7b")
    prepared(base, folder, tmp_path / "out")
    assert "says that it was trained on 'owner/another-7b'" in caplog.text


@pytest.mark.slow
def test_an_adapter_on_the_hub_is_pinned_and_a_broken_one_is_not_fetched(
    base: Path, published: Path, tmp_path: Path
) -> None:
    files = {file.name: file.read_bytes() for file in published.iterdir() if file.name != "manifest.json"}
    dora = json.dumps(json.loads(files[CONFIG]) | {"use_dora": True}).encode()
    repository = Repository({COMMIT: files, OLDER: {**files, CONFIG: dora}}, large=(WEIGHTS,))
    with hub_stand_in({"models/owner/adapter": repository}) as hub:

        def prepare(**keys: str) -> "subprocess.CompletedProcess[str]":
            job = json.dumps({"name": "theirs", "adapter": "hub:owner/adapter", **keys})
            script = [python(), str(REPOSITORY / "workflow" / "scripts" / "prepare_adapter.py"), "--job", job]
            script += ["--model", str(base), "--output", str(tmp_path / "out"), "--log", str(tmp_path / "log")]
            environment = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home")}
            return subprocess.run(script, capture_output=True, text=True, env=environment, check=False, timeout=120)

        refused = prepare(revision=OLDER)
        told = refused.stdout + refused.stderr
        assert refused.returncode == 1 and "asks for 'use_dora'" in told and "Traceback" not in told
        assert not any(path.endswith(WEIGHTS) for path, _ in hub.requests)
        run = prepare()
    assert run.returncode == 0, run.stderr
    assert read_manifest(tmp_path / "out")["revision"] == COMMIT
    verify(tmp_path / "out")
