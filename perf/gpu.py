"""Everything that a GPU has to prove, in ten minutes on one: correctness, waits, speed, memory.

    python perf/gpu.py --output gpu.json           # on the machine with the GPU, in a checkout
    python perf/gpu.py --table gpu.json            # anywhere: the same as Markdown, for docs/performance.md

Meant for torch, transformers, peft and four small wheels (pydantic, pydantic-core, annotated-types, typing-inspection)
and no network: models are of the paper's sizes with random weights, made on the card. A part that fails leaves its
error in the JSON and the others go on, and the file is written anew after each: what is done when time is up is kept.
`--device cpu --tiny` runs every part on a CPU in seconds, on models that are too small to mean anything.
"""

import argparse
import importlib
import importlib.metadata
import importlib.util
import json
import logging
import platform
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from functools import partial
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "src")]
PACKAGES = ("torch", "transformers", "peft", "triton", "pydantic", "trl", "liger-kernel", "vllm", "flash-attn")
# Peak of dense products in bfloat16, from the makers' data sheets: what model-FLOPs utilisation is a share of.
PEAKS = {"H100 PCIe": 756e12, "H100": 989e12, "H200": 989e12, "B200": 2250e12, "A100": 312e12, "L40S": 362e12}
PEAKS |= {"RTX 4090": 165e12, "A10": 125e12, "L4": 121e12}
Found = dict[str, Any]
Part = Callable[[], Found]


def main(arguments: argparse.Namespace) -> None:
    if arguments.table:
        print(table(json.loads(arguments.table.read_text())))
        return
    stand_in_for_pandas()
    logging.disable(logging.WARNING)
    import torch  # noqa: PLC0415 - takes seconds, which --table does without

    device = torch.device(arguments.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("perf/gpu.py: CUDA does not start here; run nvidia-smi, or try --device cpu --tiny")
    results: Found = {"parts": {}}
    deadline = time.monotonic() + 60 * arguments.minutes
    for name, part in parts(device, arguments.tiny, results["parts"]):
        if time.monotonic() > deadline:
            results["parts"][name] = {"left out": f"{arguments.minutes:g} minutes were up"}
            continue
        started = time.monotonic()
        results["parts"][name] = guarded(part) | {"took_s": round(time.monotonic() - started, 2)}
        print(name, json.dumps(results["parts"][name])[:300], flush=True)
        arguments.output.write_text(json.dumps(results, indent=1))
        if device.type == "cuda":
            torch.cuda.empty_cache()
    arguments.output.write_text(json.dumps(results, indent=1))
    wrong = [name for name, found in results["parts"].items() if "error" in found or found.get("right") is False]
    print(f"{len(results['parts'])} parts, {len(wrong)} wrong: {', '.join(wrong) or 'none'}; {arguments.output}")


def guarded(part: Part) -> Found:
    try:
        return part()
    except Exception as error:
        lines = traceback.format_exc().strip().splitlines()
        return {"error": f"{type(error).__name__}: {error}"[:500], "where": lines[-6:]}


def parts(device: Any, tiny: bool, done: dict[str, Found]) -> Iterator[tuple[str, Part]]:
    """Yield every part by name, in the order of their worth. Models stay no longer than they are needed."""
    from measuring import gpu_correctness, gpu_speed  # noqa: PLC0415 - after the search path and `stand_in_for_pandas`
    from measuring.shapes import SHAPES  # noqa: PLC0415

    small = gpu_correctness.TINY if tiny else gpu_correctness.SMALL
    yield "machine", lambda: machine(device, 256 if tiny else 8192)
    for name, check in gpu_correctness.checks(device, tiny).items():
        yield f"correct: {name}", check
    yield "waits in a step", lambda: gpu_speed.waits(small, device)
    yield "200 steps in half precision", lambda: gpu_speed.precisions(small, device, 10 if tiny else 200)
    shapes = {"tiny": small} if tiny else {name: SHAPES[name] for name in ("DeepSeek-Coder-7B-v1.5", "Llama-3-8B")}
    for name, shape in shapes.items():
        bench = gpu_speed.Bench(shape, device, done["machine"].get("peak", 1e12), repeats=1 if tiny else 5)
        for way, part in of_one_shape(bench, tiny):
            yield f"{name}, {way}", part


def of_one_shape(bench: Any, tiny: bool) -> Iterator[tuple[str, Part]]:
    """Yield the measurements at one size, the model of which is made once."""
    for tokens in (64, 128) if tiny else (1600, 8192):
        for kind, label in (("ft", "FT"), ("ibft", "IB-FT")):
            yield f"{label}, one row of {tokens}", partial(bench.training, kind, tokens)
        yield f"FT, one row of {tokens}, attention text by text", partial(bench.training, "ft", tokens, varlen=False)
        yield f"FT by transformers and peft, padded, {tokens}", partial(bench.padded_peft, tokens)
    yield "scoring", partial(bench.scoring, 128 if tiny else 65536)
    yield "GraNd", partial(bench.grand, 128 if tiny else 4096)
    yield "auto", bench.auto_sizes
    yield "FT with Liger's kernels, padded", partial(bench.with_liger, 64 if tiny else 1600)


def machine(device: Any, size: int) -> Found:
    """Versions, the card, its attention and what it reaches on plain products."""
    import torch  # noqa: PLC0415
    from measuring.gpu_speed import gemm_peak  # noqa: PLC0415

    from ibft.models.attention import has_varlen  # noqa: PLC0415

    found: Found = {"python": platform.python_version(), "packages": dict(versions())}
    reached = gemm_peak(device, size)
    found |= {"device": platform.processor() or platform.machine(), "products": reached, "peak": reached}
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        known = next((peak for name, peak in PEAKS.items() if name in properties.name), reached)
        found |= {
            "device": properties.name,
            "memory_gib": properties.total_memory / 2**30,
            "capability": list(torch.cuda.get_device_capability(device)),
            "cuda": torch.version.cuda,
            "flash SDPA": torch.backends.cuda.flash_sdp_enabled(),
            "varlen": has_varlen(device),
            "peak": known,
        }
    return found


def versions() -> Iterator[tuple[str, str]]:
    for package in PACKAGES:
        try:
            yield package, importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            yield package, "not installed"


def stand_in_for_pandas() -> None:
    """The library's signatures name pandas; where it is not installed, nothing here needs more of it than names."""
    if importlib.util.find_spec("pandas") is None:
        stand_in = ModuleType("pandas")
        stand_in.__spec__ = ModuleSpec("pandas", None)  # which torch looks at
        stand_in.DataFrame = stand_in.Series = type("Frame", (), {})  # type: ignore[attr-defined]
        sys.modules["pandas"] = stand_in


def table(results: Found) -> str:
    """Write the Markdown of docs/performance.md from one JSON."""
    found: dict[str, Found] = results["parts"]
    about = found["machine"]
    packages = ", ".join(f"{name} {version}" for name, version in about["packages"].items() if version[0].isdigit())
    memory = f", {about['memory_gib']:.0f} GiB" if "memory_gib" in about else ""
    lines = [
        f"{about['device']}{memory}; {packages}. Products of matrices reach {about['products'] / 1e12:.1f} TFLOP/s.",
        "",
    ]
    lines += ["| check | found | at most | |", "|---|---|---|---|"]
    for name, row in found.items():
        if name.startswith(("correct: ", "waits", "200 steps")):
            lines.append(
                f"| {name.removeprefix('correct: ')} | {_shown(row)} | {row.get('most', '')} | {_verdict(row)} |"
            )
    lines += ["", "| way | tokens | ms | tokens/s | MFU | peak GiB |", "|---|---|---|---|---|---|"]
    for name, row in found.items():
        if ", " in name and not name.startswith("correct: ") and "sizes" not in row:
            lines.append(f"| {name} | {_speed(row)} |")
    for name, row in found.items():
        if "sizes" in row:
            sizes = ", ".join(f"{stage} {tokens:,}" for stage, tokens in row["sizes"].items())
            lines += ["", f"{name}: passes of {sizes} tokens."]
    return "\n".join(lines)


def _shown(row: Found) -> str:
    value = row.get("value", row.get("waits", row.get("error", row.get("left out", ""))))
    return f"{value:.2g}" if isinstance(value, float) else str(value).replace("|", "/").replace("\n", " ")


def _verdict(row: Found) -> str:
    return {True: "right", False: "**wrong**", None: "**failed**" if "error" in row else "left out"}[row.get("right")]


def _speed(row: Found) -> str:
    if "ms" not in row:
        return f"{_shown(row)} | | | |"
    peak = "" if row["peak_gib"] is None else f"{row['peak_gib']:.1f}"
    return f"{row['tokens']:,} | {row['ms']:.1f} | {row['tokens_per_s']:,.0f} | {row['mfu']:.0%} | {peak}"


def parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--device", default="cuda")
    arguments.add_argument("--tiny", action="store_true", help="models too small to mean anything, in seconds")
    arguments.add_argument("--minutes", type=float, default=9, help="no part begins later")
    arguments.add_argument("--output", type=Path, default=Path("gpu.json"))
    arguments.add_argument("--table", type=Path, metavar="JSON", help="print an earlier output as Markdown")
    return arguments


if __name__ == "__main__":
    main(parser().parse_args())
