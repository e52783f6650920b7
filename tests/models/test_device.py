"""A model is loaded to the device that its job asks for."""

from pathlib import Path
from typing import Any

import pytest
import torch

from ibft.models import loading
from ibft.models.loaders import read_model
from tests.tiny_model import make_tiny_model


def test_weights_are_read_to_the_device_and_not_by_way_of_the_cpu(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base = make_tiny_model(tmp_path / "model")
    model = read_model(base, torch.bfloat16, place=torch.device("meta"))
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}

    class ReadError(Exception):
        pass

    def read(_folder: Path, _dtype: torch.dtype, place: torch.device) -> Any:
        raise ReadError(str(place))

    monkeypatch.setattr(loading, "read_model", read)
    monkeypatch.setattr(loading, "device", lambda: torch.device("cuda", 1))
    with pytest.raises(ReadError, match="cuda:1"):
        loading.load_model(base, None, "bfloat16")
    with pytest.raises(ReadError, match="cpu"):  # added to the weights in float32, for which a GPU has no room
        loading.load_model(base, base, "bfloat16", merge=True)
