"""Training learns, repeats itself to the byte, survives a kill at any step, and refuses what cannot work."""

import json
import math
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from peft import PeftModel

from ibft.config.sections import LoRA, Method, Training
from ibft.models.encoding import EncodedExample, encode_with_profile
from ibft.models.loading import load_model
from ibft.models.lora import add_lora
from ibft.runtime.errors import UserError
from ibft.store import parquet
from ibft.store.schemas import TRAINING_LOG
from ibft.training import loop
from ibft.training.backend import TorchBackend, parts_of
from ibft.training.batches import batch_order, collate, micro_batches
from ibft.training.checkpoint import Checkpoints
from ibft.training.distributed import ALONE
from ibft.training.loop import Trained, updates_of, with_updates_counted
from ibft.training.model import IBModel
from ibft.training.objective import IGNORED
from ibft.training.recipe import Recipe, Task, fine_tune, make_bottleneck
from tests.tiny_model import make_tiny_model

EXAMPLES = pd.DataFrame(
    {
        "example_id": f"e{i}",
        "instruction": f"Add {i} to the input a.",
        "response": f"module top_module (\n\tinput a,\n\toutput out\n);\n\tassign out = a + {i};\nendmodule\n",
        "language": "verilog",
        "source": "test",
    }
    for i in range(10)
)
HELD_OUT = EXAMPLES.tail(2).assign(response="module top_module (\n\toutput zero\n);\nendmodule\n")
TRAINING = Training(epochs=2, batch_size=4, learning_rate=1e-2, micro_batch_tokens=256, lora=LoRA(rank=4, dropout=0.1))


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_model(tmp_path_factory.mktemp("model"))


def run(
    base: Path,
    folder: Path,
    kind: str,
    training: Training = TRAINING,
    every_steps: int = 1,
    frozen: str = "float32",
    **keys: Any,
) -> list[dict[str, Any]]:
    return trained(base, folder, training, every_steps, frozen, kind=kind, bottleneck=8, **keys).log


def trained(
    base: Path, folder: Path, training: Training, every_steps: int = 1, frozen: str = "float32", **method: Any
) -> Trained:
    model, tokenizer = load_model(base, None, frozen)
    recipe = Recipe(Method(**method), layer=2, profile="chat", training=training, seed=3)
    checkpoints = Checkpoints(folder / "checkpoint.safetensors", every_steps, recipe.key)
    [done] = fine_tune(model, tokenizer, [Task(recipe, EXAMPLES, folder / "adapter", checkpoints, HELD_OUT, 2)])
    return done


def weights(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / "adapter").glob("*.safetensors")}


@pytest.mark.parametrize("kind", ["ft", "ibft"])
def test_the_loss_falls_and_the_adapter_loads(base: Path, tmp_path: Path, kind: str) -> None:
    log = run(base, tmp_path, kind, TRAINING.model_copy(update={"epochs": 10}))
    assert log[-1]["ce"] < 0.7 * log[0]["ce"]
    assert (log[0]["kl"] is None) == (kind == "ft")
    assert (tmp_path / "adapter" / "ib_head.safetensors").exists() == (kind == "ibft")
    assert not (tmp_path / "checkpoint.safetensors").exists()
    plain, tokenizer = load_model(base, None, "float32")
    tokens = torch.tensor([tokenizer.encode("module top_module")])
    before = plain(tokens).logits
    tuned = PeftModel.from_pretrained(plain, tmp_path / "adapter")
    assert not torch.allclose(tuned(tokens).logits, before)


def test_nothing_stays_of_an_earlier_run(base: Path, tmp_path: Path) -> None:
    for folder, kinds in (("new", ["ft"]), ("old", ["ibft", "ft"])):
        for kind in kinds:
            run(base, tmp_path / folder, kind)
    new, old = (
        {file.name: file.read_bytes() for file in (tmp_path / folder / "adapter").iterdir()}
        for folder in ("new", "old")
    )
    assert new == old


def test_the_same_run_twice_gives_the_same_bytes(base: Path, tmp_path: Path) -> None:
    logs = [run(base, tmp_path / name, "ibft") for name in ("a", "b")]
    assert json.dumps(logs[0]) == json.dumps(logs[1])
    assert weights(tmp_path / "a") == weights(tmp_path / "b")


def dies_after(steps: int) -> Any:
    """Stands in for `progress`: the process dies at the end of so many steps."""

    class Dying:
        advanced = 0

        def advance(self) -> None:
            self.advanced += 1
            if self.advanced == steps:
                raise KeyboardInterrupt

    return lambda *_, **__: nullcontext(Dying())


@pytest.mark.parametrize(
    ("killed_after", "method"),
    [
        (1, {"kind": "ibft"}),
        (2, {"kind": "ibft", "objective": "vib", "kl_reduction": "mean"}),
        (3, {"kind": "ibft", "head_warmup_steps": 2, "head_learning_rate": 0.1, "clip": "apart"}),
        (4, {"kind": "noise"}),
        (5, {"kind": "rms"}),
    ],
    ids=lambda value: repr(value) if isinstance(value, dict) else "",
)
def test_a_killed_run_resumes_to_the_same_bytes(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_after: int, method: dict[str, Any]
) -> None:
    watched = TRAINING.model_copy(update={"watch_every": 2})
    undisturbed = trained(base, tmp_path / "undisturbed", watched, bottleneck=8, **method)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop, "progress", dies_after(killed_after))
        trained(base, tmp_path / "killed", watched, every_steps=2, bottleneck=8, **method)
    resumed = trained(base, tmp_path / "killed", watched, every_steps=2, bottleneck=8, **method)
    assert json.dumps(resumed.log) == json.dumps(undisturbed.log)
    assert json.dumps(resumed.held_out) == json.dumps(undisturbed.held_out)
    assert {row["step"] for row in resumed.held_out} == {0, 3, 6}
    assert [row["step"] for row in resumed.log if row["share_ce"] is not None] == [1, 2, 4, 6]
    assert weights(tmp_path / "killed") == weights(tmp_path / "undisturbed")


def test_a_checkpoint_of_other_settings_is_not_used(
    base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", lambda *_, **__: None)
        run(base, tmp_path / "killed", "ibft")
    assert (tmp_path / "killed" / "checkpoint.safetensors").exists()
    other = TRAINING.model_copy(update={"learning_rate": 1e-3})
    run(base, tmp_path / "killed", "ibft", other)
    run(base, tmp_path / "fresh", "ibft", other)
    assert weights(tmp_path / "killed") == weights(tmp_path / "fresh")


def test_a_new_key_of_the_configuration_with_its_default_starts_no_training_over() -> None:
    class GrownLoRA(LoRA):
        added: int = 1

    class Grown(Training):
        added: bool = False
        lora: LoRA = GrownLoRA(rank=4)

    recipe = Recipe(Method(kind="ibft", bottleneck=8), layer=2, profile="chat", training=Training(), seed=3)
    assert replace(recipe, training=Grown()).key == replace(recipe, training=Training(lora=LoRA(rank=4))).key
    assert replace(recipe, training=Training(epochs=1)).key != recipe.key


def test_micro_batches_change_nothing_but_memory(base: Path, tmp_path: Path) -> None:
    still = TRAINING.model_copy(update={"lora": LoRA(rank=4, dropout=0), "epochs": 1})
    whole = run(base, tmp_path / "a", "ft", still.model_copy(update={"micro_batch_tokens": 10_000}))
    split = run(base, tmp_path / "b", "ft", still.model_copy(update={"micro_batch_tokens": 1}))
    for a, b in zip(whole, split, strict=True):
        assert a["ce"] == pytest.approx(b["ce"], rel=1e-5)
        assert a["gradient_norm"] == pytest.approx(b["gradient_norm"], rel=1e-4)


def test_watching_changes_nothing_that_is_trained(base: Path, tmp_path: Path) -> None:
    plain = run(base, tmp_path / "plain", "ibft")
    watched = run(base, tmp_path / "watched", "ibft", TRAINING.model_copy(update={"watch_every": 1}))
    assert weights(tmp_path / "plain") == weights(tmp_path / "watched")
    assert [row["loss"] for row in plain] == [row["loss"] for row in watched]
    assert {row["share_ce"] for row in plain} == {None}
    for row in watched:
        shares = [row[f"share_{name}"] for name in ("ce", "kl", "ce_ib")]
        assert sum(shares) == pytest.approx(1) and -1 <= row["cosine"] <= 1
        assert row["kl_nats"] == pytest.approx(row["kl"], rel=1e-5) and 0 <= row["active_dimensions"] <= 8
        assert row["gradient_norm"] == pytest.approx(math.hypot(row["lora_gradient_norm"], row["head_gradient_norm"]))


def test_the_head_warms_up_alone_on_the_batches_that_lora_sees_afterwards(base: Path, tmp_path: Path) -> None:
    cold = run(base, tmp_path / "cold", "ibft")
    warm = run(base, tmp_path / "warm", "ibft", head_warmup_steps=3)
    assert [row["step"] for row in warm] == [-2, -1, 0, *(row["step"] for row in cold)]
    before, after = warm[:3], warm[3:]
    assert {row["lora_gradient_norm"] for row in before} == {None} and all(row["head_gradient_norm"] for row in before)
    assert {row["learning_rate"] for row in before} == {TRAINING.learning_rate}
    assert after[0]["ce"] == cold[0]["ce"] and after[0]["learning_rate"] == cold[0]["learning_rate"]
    assert after[0]["kl"] < cold[0]["kl"]


def test_head_and_lora_are_clipped_together_or_apart(base: Path) -> None:
    for clip, limits in (("together", None), ("apart", 0.01)):
        model, _ = load_model(base, None, "float32")
        add_lora(model, LoRA(rank=4, dropout=0))
        settings = TRAINING.model_copy(update={"max_gradient_norm": 0.01})
        method = Method(kind="ibft", bottleneck=8, clip=clip, head_learning_rate=0.5)
        ib_model = IBModel(model, make_bottleneck(model, Recipe(method, 2, "chat", settings, seed=0)))
        backend = TorchBackend(ib_model, settings, ALONE)
        for parameter in ib_model.trained().values():
            parameter.grad = torch.ones_like(parameter)
        optimizer = backend._optimizer
        optimizer.zero_grad = lambda **_: None
        whole, lora, head = map(float, backend.update(1e-3))
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx([1e-3, 1e-3 * 0.5 / 1e-2])
        left = [torch.nn.utils.get_total_norm([p.grad for p in part]).item() for part in parts_of(ib_model)]
        assert whole == pytest.approx(math.hypot(lora, head))
        expected = [0.01 * lora / whole, 0.01 * head / whole]
        assert left == pytest.approx([limits] * 2 if limits else expected, rel=1e-3)


def test_held_out_nll_is_the_cross_entropy_that_training_would_log(base: Path, tmp_path: Path) -> None:
    still = TRAINING.model_copy(
        update={"lora": LoRA(rank=4, dropout=0), "batch_size": 2, "epochs": 1, "warmup_ratio": 0}
    )
    for packing in (True, False):
        settings = still.model_copy(update={"packing": packing})
        found = pd.DataFrame(trained(base, tmp_path / f"{packing}", settings, kind="ft").held_out)
        model, tokenizer = load_model(base, None, "float32")
        recipe = Recipe(Method(kind="ft"), 2, "chat", settings, seed=3)
        checkpoints = Checkpoints(tmp_path / "other.safetensors", 9, "key")
        [other] = fine_tune(model, tokenizer, [Task(recipe, HELD_OUT, tmp_path / "other", checkpoints)])
        log = other.log
        first = found[found["step"] == 0]
        assert (first["nll"] * first["tokens"]).sum() / first["tokens"].sum() == pytest.approx(log[0]["ce"], rel=1e-5)
        assert found.groupby("step")["nll"].mean().iloc[-1] != found.groupby("step")["nll"].mean().iloc[0]


def test_gradient_checkpointing_changes_no_loss(base: Path, tmp_path: Path) -> None:
    still = TRAINING.model_copy(update={"lora": LoRA(rank=4, dropout=0), "epochs": 1})
    plain = run(base, tmp_path / "a", "ibft", still)
    saved = run(base, tmp_path / "b", "ibft", still.model_copy(update={"gradient_checkpointing": True}))
    assert [row["loss"] for row in saved] == pytest.approx([row["loss"] for row in plain], rel=1e-5)


def test_impossible_settings_are_refused_by_name(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"training\.precision: float16"):
        run(base, tmp_path, "ft", TRAINING.model_copy(update={"precision": "float16"}))
    with pytest.raises(UserError, match=r"training\.lora\.target_modules: .* type llama .* 'absent_proj'.* q_proj"):
        lora = LoRA(target_modules=("q_proj", "absent_proj"))
        run(base, tmp_path, "ft", TRAINING.model_copy(update={"lora": lora}))
    with pytest.raises(UserError, match=r"training\.max_length: 10 of 10 examples"):
        run(base, tmp_path, "ft", TRAINING.model_copy(update={"max_length": 5}))


def test_impossible_bottlenecks_are_refused_by_name(base: Path) -> None:
    model, _ = load_model(base, None, "float32")
    with pytest.raises(UserError, match="layer: 9 is out of range, llama has 1 to 3"):
        make_bottleneck(model, Recipe(Method(kind="ibft"), 9, "chat", TRAINING, seed=0))
    with pytest.raises(UserError, match=r"training\.packing: objective released-code"):
        make_bottleneck(model, Recipe(Method(kind="ibft", objective="released-code"), 2, "chat", TRAINING, seed=0))


def test_half_precision_learns_the_same(base: Path, tmp_path: Path) -> None:
    whole = run(base, tmp_path / "a", "ibft")
    half = run(base, tmp_path / "b", "ibft", TRAINING.model_copy(update={"precision": "bfloat16"}))
    assert [row["ce"] for row in half] == pytest.approx([row["ce"] for row in whole], rel=0.05)
    assert [row["ce"] for row in half] != [row["ce"] for row in whole]


def test_a_diverging_run_stops_at_once(base: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="diverged at step"):
        run(base, tmp_path, "ibft", TRAINING.model_copy(update={"learning_rate": 1e6, "epochs": 50}))


def test_labels_cover_exactly_the_response(base: Path) -> None:
    _, tokenizer = load_model(base, None, "float32")
    example = encode_with_profile(tokenizer, EXAMPLES.head(1), "chat", 512)[0]
    batch = collate([example, EncodedExample.join((5,), (6, 7))], pad_token=0)
    assert batch.labels_BT[0].tolist() == [IGNORED] * len(example.prompt) + list(example.response)
    assert batch.labels_BT[1, :4].tolist() == [IGNORED, 6, 7, IGNORED]
    assert batch.valid_BT.sum(-1).tolist() == [len(example), 3]


def test_every_epoch_holds_every_example_once_in_batches_of_like_length() -> None:
    lengths = torch.randint(10, 500, (203,), generator=torch.Generator().manual_seed(0)).tolist()
    first, second = (batch_order(lengths, 4, seed=1, epoch=epoch, packed=False) for epoch in (0, 1))
    assert sorted(index for batch in first for index in batch) == list(range(203))
    assert first != second and first == batch_order(lengths, 4, seed=1, epoch=0, packed=False)
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in first)
    assert padded < 1.05 * sum(lengths)


def test_every_seed_draws_its_own_packed_batches() -> None:
    lengths = list(range(10, 50))
    drawn = [batch_order(lengths, 4, seed=seed, epoch=0, packed=True) for seed in range(3)]
    assert all(sorted(index for batch in batches for index in batch) == list(range(40)) for batches in drawn)
    together = [{frozenset(batch) for batch in batches} for batches in drawn]
    assert not together[0] & together[1] & together[2]
    padded = [{frozenset(batch) for batch in batch_order(lengths, 4, seed, 0, packed=False)} for seed in range(3)]
    assert padded[0] == padded[1] == padded[2]


def test_updates_are_a_number_or_follow_from_epochs_and_examples() -> None:
    by_epochs, by_number = Training(epochs=1.5, batch_size=4), Training(updates=7)
    assert [updates_of(by_epochs, examples) for examples in (1, 8, 9)] == [2, 3, 4]
    assert updates_of(by_number, 1000) == 7


def test_a_selection_can_have_the_updates_of_all_examples() -> None:
    equal = with_updates_counted(Training(epochs=3, batch_size=4, updates="all-examples"), 80)
    assert updates_of(equal, 40) == updates_of(Training(epochs=3, batch_size=4), 80) == 60
    by_epochs = Training(epochs=3, batch_size=4)
    assert with_updates_counted(by_epochs, 80) == by_epochs


def test_micro_batches_respect_the_token_budget() -> None:
    examples = [EncodedExample.join((1,) * n, (2,)) for n in (30, 5, 9, 100, 12)]
    runs = list(micro_batches(examples, 40))
    assert sorted(len(e) for run in runs for e in run) == [6, 10, 13, 31, 101]
    assert all(len(run) == 1 or len(run) * max(map(len, run)) <= 40 for run in runs)


def test_truncation_cuts_the_response_only() -> None:
    cut = EncodedExample.join((1, 2, 3), (4, 5, 6), max_length=4)
    assert (cut.prompt.tolist(), cut.response.tolist()) == ([1, 2, 3], [4])


def test_lora_is_float32_and_alone_trainable(base: Path) -> None:
    model, _ = load_model(base, None, "bfloat16")
    add_lora(model, LoRA(rank=4))
    trainable = {name: p.dtype for name, p in model.named_parameters() if p.requires_grad}
    assert trainable and all("lora_" in name for name in trainable)
    assert set(trainable.values()) == {torch.float32}


def test_speed_is_recorded_apart_from_the_log(base: Path, tmp_path: Path) -> None:
    model, tokenizer = load_model(base, None, "float32")
    recipe = Recipe(Method(kind="ft"), layer=2, profile="chat", training=TRAINING, seed=3)
    told: list[tuple[int, dict[str, float]]] = []
    checkpoints = Checkpoints(tmp_path / "checkpoint.safetensors", 2, "key")
    trackers = [lambda step, numbers: told.append((step, numbers))]
    [done] = fine_tune(model, tokenizer, [Task(recipe, EXAMPLES, tmp_path / "adapter", checkpoints, trackers=trackers)])
    parquet.write_table(tmp_path / "log.parquet", TRAINING_LOG, done.log)
    speed = pd.DataFrame(done.speed)
    measured = ["step", "seconds", "response_tokens_per_s", "processes", "resident_mib"]
    assert list(speed.columns) == [*measured, "gpu_peak_mib"]
    assert speed[measured].notna().all(axis=None)
    assert list(speed["step"]) == [row["step"] for row in done.log] == [step for step, _ in told]
    tokens = pd.Series([row["response_tokens"] for row in done.log]).diff().fillna(done.log[0]["response_tokens"])
    assert list(speed["response_tokens_per_s"] * speed["seconds"]) == pytest.approx(list(tokens))
    assert speed["resident_mib"].gt(100).all()
    assert {"ce", "learning_rate", "seconds"} <= told[0][1].keys()
