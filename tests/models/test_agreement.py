"""A model that stages would compute wrongly is refused when it is loaded, by its type."""

from pathlib import Path

import pytest

from ibft.models import architecture
from ibft.models.loading import load_model
from ibft.runtime.errors import UserError
from ibft.store.manifests import write_manifest
from tests.models.families import make_family
from tests.tiny_model import make_tiny_tokenizer


def prepared(family: str, folder: Path) -> Path:
    make_family(family).save_pretrained(folder)
    make_tiny_tokenizer().save_pretrained(folder)
    write_manifest(folder)
    return folder


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_factor_that_ibft_does_not_know_is_noticed(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = prepared("granite", tmp_path)
    load_model(folder, None, precision)
    monkeypatch.setattr(architecture, "_SCALING", "a_key_of_tomorrow")
    with pytest.raises(UserError, match=r"type granite gives other log-probabilities .* use another model"):
        load_model(folder, None, precision)


def test_a_soft_cap_that_the_model_itself_leaves_out_is_noticed(tmp_path: Path) -> None:
    """Gemma 3 with eyes ignores the key that Gemma 3 without them obeys."""
    folder = prepared("gemma3", tmp_path)
    load_model(folder, None, "float32")
    config = folder / "config.json"
    config.write_text(config.read_text().replace('"final_logit_softcapping": null', '"final_logit_softcapping": 0.5'))
    write_manifest(folder)
    with pytest.raises(UserError, match="type gemma3 gives other log-probabilities"):
        load_model(folder, None, "float32")


def test_attention_whose_logits_are_capped_is_not_left_to_a_kernel_without_caps(tmp_path: Path) -> None:
    model, _ = load_model(prepared("gemma2", tmp_path), None, "float32")
    assert model.config._attn_implementation == "eager"
