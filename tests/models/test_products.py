"""oneDNN multiplies where it is faster and stays in float32, and a product that is rounded more is noticed."""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from ibft.models import products
from ibft.models.products import by_mkl, gains, rounding, use_faster_products

CPUINFO = "processor : 0\nvendor_id : {vendor}\nflags\t\t: fpu avx2 {flags}\n\nprocessor : 1\nvendor_id : {vendor}\n"
AVX512 = "avx512f avx512dq avx512bw avx512vl"
ZEN4 = CPUINFO.format(vendor="AuthenticAMD", flags=f"{AVX512} avx512_bf16")


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    before = torch.get_float32_matmul_precision()
    yield
    torch.set_float32_matmul_precision(before)


@pytest.fixture
def on_zen4(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(ZEN4)
    monkeypatch.setattr(products, "_CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    torch.set_float32_matmul_precision("highest")


@pytest.mark.parametrize(
    ("cpuinfo", "expected"),
    [
        (ZEN4, True),
        (CPUINFO.format(vendor="AuthenticAMD", flags=""), False),
        (CPUINFO.format(vendor="AuthenticAMD", flags="avx512f"), False),
        (CPUINFO.format(vendor="AuthenticAMD", flags=f"{AVX512} amx_tile amx_bf16"), False),
        (CPUINFO.format(vendor="GenuineIntel", flags=AVX512), False),
        ("Features : asimd bf16\n", False),
        ("", False),
    ],
)
def test_only_amd_with_avx512_and_without_amx_gains(cpuinfo: str, expected: bool) -> None:
    assert gains(cpuinfo) is expected


@pytest.mark.usefixtures("on_zen4")
def test_products_that_are_exact_stay_with_onednn(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(products, "rounding", lambda: 4e-7)  # this machine may have AMX
    with caplog.at_level(logging.INFO, products.__name__):
        use_faster_products()
    assert torch.get_float32_matmul_precision() == "medium"
    assert "oneDNN" in caplog.text


@pytest.mark.usefixtures("on_zen4")
def test_rounded_products_are_given_up_with_a_warning(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    exact = torch.Tensor.__matmul__

    def in_bfloat16(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        if left.dtype != torch.float32 or torch.get_float32_matmul_precision() == "highest":
            return exact(left, right)
        return exact(left.bfloat16().float(), right.bfloat16().float())

    monkeypatch.setattr(torch.Tensor, "__matmul__", in_bfloat16)
    assert rounding() < 1e-6
    use_faster_products()
    assert torch.get_float32_matmul_precision() == "highest"
    assert [record.levelname for record in caplog.records] == ["WARNING"]


@pytest.mark.usefixtures("on_zen4")
def test_nothing_is_set_where_a_gpu_multiplies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    use_faster_products()
    assert torch.get_float32_matmul_precision() == "highest"


def test_mkl_multiplies_in_attention_and_in_its_gradient() -> None:
    torch.set_float32_matmul_precision("medium")
    found: list[tuple[str, str]] = []

    class Noted(torch.autograd.Function):
        @staticmethod
        def forward(_ctx: Any, values: torch.Tensor) -> torch.Tensor:
            found.append(("forward", torch.get_float32_matmul_precision()))
            return values * 2

        @staticmethod
        def backward(_ctx: Any, *gradients: torch.Tensor) -> torch.Tensor:
            found.append(("backward", torch.get_float32_matmul_precision()))
            return gradients[0] * 2

    values = torch.ones(3, requires_grad=True)
    out = by_mkl(lambda: Noted.apply(values))
    Noted.apply(out).sum().backward()
    expected = [("forward", "highest"), ("forward", "medium"), ("backward", "medium"), ("backward", "highest")]
    assert found == expected and torch.get_float32_matmul_precision() == "medium"
    assert values.grad is not None and values.grad.tolist() == [4, 4, 4]


def test_the_setting_comes_back_where_attention_fails() -> None:
    torch.set_float32_matmul_precision("medium")

    def fail() -> torch.Tensor:
        raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        by_mkl(fail)
    assert torch.get_float32_matmul_precision() == "medium"
