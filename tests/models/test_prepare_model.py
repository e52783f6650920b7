"""Whatever a model's folder holds, it becomes safetensors that transformers knows, or one sentence."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ibft.config.inputs import Model
from ibft.errors import UserError
from ibft.models.prepare import prepare_model
from tests.tiny_model import LAYERS, make_tiny_model

CODE = "raise SystemExit('the code of the model was run')"


def edited(folder: Path, name: str, **values: Any) -> None:
    path = folder / name
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def prepared(folder: Path, target: Path) -> dict[str, Any]:
    return prepare_model("mine", Model(source=f"path:{folder}", layers=LAYERS), target)


def with_code(folder: Path) -> None:
    (folder / "configuration_mine.py").write_text(CODE)
    edited(folder, "config.json", model_type="mine", auto_map={"AutoConfig": "configuration_mine.MineConfig"})


def with_code_for_the_tokenizer(folder: Path) -> None:
    (folder / "tokenization_mine.py").write_text(CODE)
    names = ["tokenization_mine.MineTokenizer", None]
    edited(folder, "tokenizer_config.json", tokenizer_class="MineTokenizer", auto_map={"AutoTokenizer": names})


def with_numbers_that_are_none(folder: Path) -> None:
    edited(folder, "config.json", hidden_size="a lot")


def with_half_a_file(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text()[:40])


def with_a_pickle_for_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def test_a_known_model_is_copied(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny")
    facts = prepared(folder, tmp_path / "prepared")
    assert facts["layers"] == LAYERS
    assert (tmp_path / "prepared" / "model.safetensors").read_bytes() == (folder / "model.safetensors").read_bytes()


def test_nothing_stays_of_another_model_of_this_name(tmp_path: Path) -> None:
    other, folder = make_tiny_model(tmp_path / "other"), make_tiny_model(tmp_path / "tiny")
    (other / "special_tokens_map.json").write_text('{"eos_token": "of the other"}')
    prepared(other, tmp_path / "prepared")
    prepared(folder, tmp_path / "prepared")
    names = {file.name for file in folder.iterdir()} - {"manifest.json"}
    assert {file.name for file in (tmp_path / "prepared").iterdir()} == names


def test_a_model_is_not_prepared_onto_itself(tmp_path: Path) -> None:
    folder = make_tiny_model(tmp_path / "tiny")
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(UserError, match="is where the prepared model goes"):
        prepared(tmp_path / "link", folder)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize(
    "damage",
    [
        with_code,
        with_code_for_the_tokenizer,
        with_numbers_that_are_none,
        with_half_a_file,
        with_a_pickle_for_weights,
    ],
)
def test_anything_else_is_refused_in_one_sentence_and_runs_nothing(
    tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = make_tiny_model(tmp_path / "tiny")
    damage(folder)
    with pytest.raises(UserError, match=r"never run here|holds no \*\.safetensors") as refusal:
        prepared(folder, tmp_path / "prepared")
    assert len(str(refusal.value).splitlines()) == 1
    assert not list((tmp_path / "prepared").glob("*.py"))
