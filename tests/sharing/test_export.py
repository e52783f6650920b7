"""An exported model says the same as the one that was evaluated, and its card says what the run recorded."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from huggingface_hub import ModelCard
from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, PreTrainedModel

from ibft.models.loaders import read_gguf, read_model, read_tokenizer
from ibft.models.loading import load_model
from ibft.paths import Variant
from ibft.runtime.errors import UserError
from ibft.sharing.export import export
from ibft.sharing.facts import parse_variant, public, trained_variants
from ibft.sharing.llama_gguf import check_convertible, write_gguf
from ibft.sharing.upload import check_repository
from ibft.store.manifests import write_manifest
from ibft.store.run_records import RunRecord
from ibft.store.schemas import COMPARISONS, CONTAMINATION, EXAMPLES, HELD_OUT, MEMORIZATION, METRICS
from tests.hub_stand_in import hub_stand_in
from tests.sharing.llama_cpp import served
from tests.synthetic_run import memorization
from tests.tiny_model import make_adapter, make_tiny_model

FT = Variant("tiny", "rtl", "ft", 0)
PROMPTS = ["def add(first", "module top", "a + b;\n", "7:0] out", "'''Return", "sum of", "int", "\n\n", "é 12", "end"]
TOKENS = 12
COMMAND = (
    "'/home/somebody/check out/workflow/scripts/train.py' --job "
    '\'{"method":{"kind":"ft"},"training":{"epochs":2.0,"lora":{"rank":4}},"profile":"chat"}\' '
    "--model results/models/tiny/manifest.json --log results/logs/train.log"
)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with one trained variant, and every table that its card reads."""
    folder = tmp_path_factory.mktemp("work") / "results"
    base = make_tiny_model(folder / "models" / "tiny")
    rewrite_manifest(base, source="path:/home/somebody/secret/tiny", layers=3)
    adapter = make_adapter(base, folder / "training" / str(FT) / "adapter", size=1.0)
    rewrite_manifest(adapter, command=COMMAND, examples=80, steps=20, seconds=12.5)
    write_tables(folder)
    work = folder.parent
    (work / "Snakefile").touch()
    RunRecord(
        folder=work,
        work=work,
        results=Path("results"),
        snakefile=work / "Snakefile",
        options=["--configfile", str(work / "mine.yaml"), "--cores", "2"],
        targets=[],
        config="c",
        started=1_800_000_000,
        jobs=[],
    ).write()
    return folder


def rewrite_manifest(folder: Path, **facts: object) -> None:
    (folder / "manifest.json").unlink()
    write_manifest(folder, **facts)


def write_tables(folder: Path) -> None:
    from ibft.store.parquet import write_table

    example = {"example_id": "e0", "instruction": "i", "response": "r", "language": "verilog", "source": "s"}
    write_table(folder / "examples/rtl.parquet", EXAMPLES, [example], source="hub:somebody/verilog", revision="abc")
    overlap = {
        **{name: 0 for name in CONTAMINATION.schema.names},
        **{"example_id": "e0", "part": "response", "against": "text", "substring": "", "contaminated": True},
        **{"ngram_task_id": None, "substring_task_id": None, "similar_task_id": None},
    }
    write_table(folder / "contamination/rtl/rtl-mini.parquet", CONTAMINATION, [overlap])
    for name, mean in (("rtl", 2.0), ("authors", 5.0)):
        scores = memorization(mean, examples=20)
        write_table(folder / "memorization/tiny" / name / "base/seed0.parquet", MEMORIZATION, scores)
    points = [{"step": step, "example_id": "e0", "tokens": 3, "nll": nll} for step, nll in ((0, 1.5), (20, 0.9))]
    write_table(folder / "training" / str(FT) / "held_out.parquet", HELD_OUT, points)
    write_table(folder / "metrics/all/metrics.parquet", METRICS, [metric("base", 0.1), metric("ft", 0.25)])
    same = {name: 1 for name in ("k", "m", "seeds")} | {"model": "tiny", "dataset": "rtl", "primary": False}
    compared = {
        **same,
        **{"method": "ft", "reference": "base", "benchmark": "rtl-mini", "temperature": 0.2, "difference": 0.15},
        **{"problems": 44, "discordant": 9, "low": 0.02, "high": 0.3, "p_value": 0.01, "p_holm": 0.02},
        **{"effect_size": 0.5, "excluded": ""},
    }
    write_table(folder / "metrics/all/comparisons.parquet", COMPARISONS, [compared])


def metric(method: str, estimate: float) -> dict[str, object]:
    counts = {"k": 1, "m": 1, "seeds": 1, "trials": 2, "problems": 44, "n": 20}
    numbers = {"estimate": estimate, "standard_error": 0.02, "low": estimate - 0.04, "high": estimate + 0.04}
    return {
        **{"model": "tiny", "dataset": "rtl", "method": method, "benchmark": "rtl-mini", "temperature": 0.2},
        **{**counts, **numbers, "leads": False, "trial_std": None, "official_estimate": estimate, "excluded": "Prob1"},
    }


@pytest.fixture(scope="module")
def exports(results: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("exports")
    for form in ("adapter", "merged", "gguf"):
        export(results, FT, form, folder / form, licence="mit")
    return {form: folder / form for form in ("adapter", "merged", "gguf")}


def greedy(model: PreTrainedModel, ids: list[int]) -> list[int]:
    with torch.no_grad():
        found = model.generate(
            torch.tensor([ids]), max_new_tokens=TOKENS, do_sample=False, eos_token_id=None, pad_token_id=0
        )
    return list(found[0, len(ids) :].tolist())


@pytest.fixture(scope="module")
def evaluated(results: Path) -> list[list[int]]:
    """Tokens of the model as stages load it."""
    base, adapter = results / "models" / "tiny", results / "training" / str(FT) / "adapter"
    model, tokenizer = load_model(base, adapter, "float32", merge=True)
    plain, _ = load_model(base, None, "float32")
    found = [greedy(model, tokenizer(prompt)["input_ids"]) for prompt in PROMPTS]
    assert found != [greedy(plain, tokenizer(prompt)["input_ids"]) for prompt in PROMPTS], "the adapter says nothing"
    return found


def test_the_adapter_and_the_merged_model_say_the_same_in_transformers(
    exports: dict[str, Path], results: Path, evaluated: list[list[int]]
) -> None:
    tokenizer = read_tokenizer(exports["merged"])
    merged = read_model(exports["merged"], torch.float32).eval()
    assert [greedy(merged, tokenizer(prompt)["input_ids"]) for prompt in PROMPTS] == evaluated
    from peft import PeftModel

    base = AutoModelForCausalLM.from_pretrained(results / "models" / "tiny")
    adapted = PeftModel.from_pretrained(base, exports["adapter"]).eval()
    assert [greedy(adapted, tokenizer(prompt)["input_ids"]) for prompt in PROMPTS] == evaluated


def test_the_gguf_file_says_the_same_in_transformers(exports: dict[str, Path], evaluated: list[list[int]]) -> None:
    model, tokenizer = read_gguf(exports["gguf"] / "model.gguf")
    assert [greedy(model.eval(), tokenizer(prompt)["input_ids"]) for prompt in PROMPTS] == evaluated
    assert tokenizer.chat_template == AutoTokenizer.from_pretrained(exports["merged"]).chat_template


def test_the_gguf_file_says_the_same_in_llama_cpp(exports: dict[str, Path], evaluated: list[list[int]]) -> None:
    file = exports["gguf"] / "model.gguf"
    tokenizer = read_tokenizer(exports["merged"])
    with served(file) as llama:
        assert [llama.tokens_of(prompt) for prompt in PROMPTS] == [tokenizer(prompt)["input_ids"] for prompt in PROMPTS]
        same = [llama.greedy_tokens(prompt, TOKENS) == said for prompt, said in zip(PROMPTS, evaluated, strict=True)]
    assert sum(same) >= 9


@pytest.mark.vllm
def test_the_merged_model_says_the_same_in_vllm(tmp_path: Path, results: Path) -> None:
    from ibft.models.loaders import start_vllm
    from ibft.sampling import vllm_engine

    wide = tmp_path / "results"
    base = make_tiny_model(wide / "models" / "tiny", head_width=32)  # the narrowest that vLLM's attention takes on CPUs
    rewrite_manifest(base, source="path:tiny", layers=3)
    adapter = make_adapter(base, wide / "training" / str(FT) / "adapter", size=1.0)
    rewrite_manifest(adapter, command=COMMAND, examples=80, steps=20)
    write_tables(wide)
    export(wide, FT, "merged", tmp_path / "merged")
    model, tokenizer = load_model(base, adapter, "float32", merge=True)
    wanted = [greedy(model, tokenizer(prompt)["input_ids"]) for prompt in PROMPTS]
    vllm_engine.set_environment(threads=1)  # before vLLM is imported
    import vllm

    engine = start_vllm(tmp_path / "merged", "float32", **vllm_engine.ON_CPU | {"max_model_len": 256})
    settings = vllm.SamplingParams(temperature=0, max_tokens=TOKENS, ignore_eos=True)
    prompts = [{"prompt_token_ids": tokenizer(prompt)["input_ids"]} for prompt in PROMPTS]
    said = [list(output.outputs[0].token_ids) for output in engine.generate(prompts, settings, use_tqdm=False)]
    assert sum(one == other for one, other in zip(said, wanted, strict=True)) >= 9


def test_the_card_tells_what_was_recorded_and_no_path_of_the_machine(exports: dict[str, Path]) -> None:
    text = (exports["adapter"] / "README.md").read_text()
    told = " ".join(text.split())
    for words in (
        "**25.00** | 21.00 to 29.00 | 10.00 | 44 × 20",
        "| base | rtl-mini | 0.2 | Pass@1 | +15.00 | +2.00 to +30.00 | 0.0200 |",
        "1.500 before, 0.900 after",
        "`training.lora.rank`",
        "overlap with rtl-mini | 1 examples",
        "ibft run --configfile mine.yaml --cores 2",
        "workflow/scripts/train.py --job",
    ):
        assert words in told
    assert "home" not in text and "secret" not in text
    memorized = re.findall(r"^\| (\w+) \| 20 \| ([\d.]+) \|", text, re.MULTILINE)
    assert [name for name, _ in memorized] == ["rtl", "authors"]


def test_the_hub_reads_the_metadata_of_the_card(exports: dict[str, Path]) -> None:
    data = ModelCard.load(exports["gguf"] / "README.md").data
    assert (data.license, data.library_name, data.datasets) == ("mit", "gguf", ["somebody/verilog"])
    assert data.eval_results is not None
    (result,) = data.eval_results
    assert (result.metric_name, result.metric_value, result.dataset_name) == ("Pass@1", 25.0, "rtl-mini")
    assert result.metric_args == {"temperature": 0.2, "low": 21.0, "high": 29.0}
    assert json.loads((exports["adapter"] / "adapter_config.json").read_bytes())["base_model_name_or_path"] == "tiny"


def test_a_card_without_a_licence_makes_none_up(results: Path, tmp_path: Path) -> None:
    export(results, FT, "adapter", tmp_path / "a")
    text = (tmp_path / "a" / "README.md").read_text()
    assert "nobody has stated one" in text
    assert yaml.safe_load(text.split("---")[1])["license"] == "other"


def test_bad_requests_are_refused_and_leave_nothing(results: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no trained variant tiny/rtl/ibft/seed0: trained are tiny/rtl/ft/seed0"):
        export(results, Variant("tiny", "rtl", "ibft", 0), "adapter", tmp_path / "a")
    with pytest.raises(UserError, match="is no variant"):
        parse_variant("tiny/rtl")
    with pytest.raises(UserError, match="give OWNER/NAME"):
        check_repository("name")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "file").touch()
    with pytest.raises(UserError, match="is there already"):
        export(results, FT, "adapter", tmp_path / "there")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["there"]
    assert trained_variants(results) == [FT] and parse_variant("tiny/rtl/ft") == FT


@pytest.mark.parametrize(
    ("file", "change", "sentence"),
    [
        ("config.json", {"architectures": ["Qwen2ForCausalLM"]}, "this is Qwen2ForCausalLM"),
        ("config.json", {"rope_parameters": {"rope_type": "llama3", "rope_theta": 1.0}}, "rope_type llama3"),
        ("config.json", {"hidden_act": "gelu"}, "hidden_act gelu"),
        ("tokenizer.json", {"pre_tokenizer": {"type": "Metaspace"}}, "this model has another"),
        ("tokenizer.json", {"normalizer": {"type": "NFC"}}, "this model has another"),
    ],
)
def test_what_llama_cpp_would_compute_otherwise_is_refused(
    results: Path, tmp_path: Path, file: str, change: dict[str, object], sentence: str
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(results / "models" / "tiny", folder)
    content = json.loads((folder / file).read_bytes())
    (folder / file).write_text(json.dumps(content | change))
    with pytest.raises(UserError, match=sentence):
        check_convertible(folder)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_in_half_precision_are_stored_as_they_are(tmp_path: Path, dtype: torch.dtype) -> None:
    folder = make_tiny_model(tmp_path / "model")
    model = read_model(folder, dtype)
    model.save_pretrained(folder)
    write_gguf(folder, tmp_path / "model.gguf", "tiny")
    found, _ = read_gguf(tmp_path / "model.gguf")
    assert isinstance(found.config, LlamaConfig)
    for (name, here), (_, there) in zip(found.named_parameters(), model.named_parameters(), strict=True):
        assert torch.equal(here, there.float()), name


def test_commands_of_others_keep_no_place_of_this_machine() -> None:
    assert public(COMMAND, None).startswith("workflow/scripts/train.py --job ")
    assert public("ibft run --config=/data/mine.yaml results/x", None) == "ibft run --config=mine.yaml results/x"


@pytest.mark.parametrize("refusal", [0, 403])
def test_an_export_is_uploaded_whole_or_its_folder_stays(results: Path, tmp_path: Path, refusal: int) -> None:
    token = "hf_" + "secret" * 5
    with hub_stand_in({}) as hub:
        hub.read_only = refusal
        words = ["tiny/rtl/ft", "--results", str(results), "--out", "out", "--push", "me/mine", "--private"]
        program = [sys.executable, "-c", "from ibft.cli import main; main()", "export", *words]
        own = {
            "HF_ENDPOINT": hub.address,
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_OFFLINE": "0",
            "HF_TOKEN": token,
            "HF_HOME": str(tmp_path / "hf"),
        }
        environment = {**os.environ, **own}
        done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert set(written) == {"README.md", "adapter_config.json", "adapter_model.safetensors"}
    assert token not in done.stdout + done.stderr
    if refusal:
        assert done.returncode == 1
        assert "lets nobody with this token write to me/mine" in done.stderr
        assert hub.pushed == {}
    else:
        assert done.returncode == 0, done.stderr
        assert hub.pushed == {"me/mine": written}
        assert hub.created["me/mine"]["visibility"] == "private"
        assert f"uploaded to {hub.address}/me/mine" in done.stdout
