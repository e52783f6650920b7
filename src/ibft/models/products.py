"""Float32 matrix products by the faster of the two libraries in PyTorch, where they stay float32 products.

PyTorch multiplies by MKL, which leaves the 512-bit units of AMD's processors idle. With the precision `medium`, and on
a processor with AVX-512, it asks oneDNN instead and lets it round to bfloat16. oneDNN does so where AMX multiplies
bfloat16, and computes in float32 elsewhere (docs/adr/0028-float32-products-by-onednn.md).
"""

import logging
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

logger = logging.getLogger(__name__)

_BY_MKL, _BY_ONEDNN = "highest", "medium"  # torch.set_float32_matmul_precision
_NEEDED = {"avx512f", "avx512bw", "avx512dq", "avx512vl"}  # where PyTorch asks oneDNN
_CHECKED = (192, 576, 1536)  # rows, terms of a sum, columns
_ROUNDING = 2e-6  # relative; MKL is at 2.5e-7, and bfloat16 at 2e-3
_CPUINFO = Path("/proc/cpuinfo")


def use_faster_products() -> None:
    """Let oneDNN multiply in float32 where that is faster and, by a check, as exact; on all else nothing changes."""
    if torch.cuda.is_available() or not gains(_CPUINFO.read_text() if _CPUINFO.exists() else ""):
        return
    torch.set_float32_matmul_precision(_BY_ONEDNN)
    error = rounding()
    if error <= _ROUNDING:
        logger.info("float32 products by oneDNN, relative error %.1e", error)
    else:
        torch.set_float32_matmul_precision(_BY_MKL)
        logger.warning("oneDNN rounds float32 products by %.1e on this processor: MKL computes them", error)


def gains(cpuinfo: str) -> bool:
    """Return true for the `/proc/cpuinfo` of a processor of AMD's with AVX-512 and without AMX."""
    fields = dict(line.split(":", 1) for line in cpuinfo.splitlines() if ":" in line)
    found = {name.strip(): value.split() for name, value in fields.items()}
    flags = set(found.get("flags", ()))
    return found.get("vendor_id") == ["AuthenticAMD"] and flags >= _NEEDED and "amx_tile" not in flags


def rounding() -> float:
    """Return the relative error of a product of random float32 matrices, against float64."""
    rows, length, columns = _CHECKED
    generator = torch.Generator().manual_seed(0)
    left, right = torch.randn(rows, length, generator=generator), torch.randn(length, columns, generator=generator)
    exact = left.double() @ right.double()
    return float((left @ right - exact).norm() / exact.norm())


def by_mkl(attend: Callable[[], Tensor]) -> Tensor:
    """Return what `attend` computes, with MKL's products, by which its gradient is computed, too.

    Attention multiplies small matrices, of new shapes for every length of a text: oneDNN prepares each for longer than
    it then multiplies, and for decoding, whose attention has one row, costs more to start than the product.
    """
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(_BY_MKL)
    try:
        out = attend()
    finally:
        torch.set_float32_matmul_precision(before)
    if before != _BY_MKL and out.grad_fn is not None:
        out.grad_fn.register_prehook(lambda _: torch.set_float32_matmul_precision(_BY_MKL))
        out.grad_fn.register_hook(lambda *_: torch.set_float32_matmul_precision(before))
    return out
