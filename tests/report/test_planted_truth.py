"""An audit tells planted truth: a half that the model was shown, data that nobody has seen, planted solutions."""

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from ibft.config.jobs import TraceTokens, WriteAudit
from ibft.config.sections import Benchmark, Contamination, LoRA, Method, Scoring, Training
from ibft.contamination.measure import Problems, measure
from ibft.data.benchmarks import prepare_benchmark
from ibft.data.builtin.python_functions import generate
from ibft.memorization.separation import auroc_interval
from ibft.memorization.traces import trace, traces
from ibft.models.loading import load_model
from ibft.report.audit import page
from ibft.report.audit_evidence import DOUBTFUL, DROP, Audit
from ibft.report.audit_sentences import verdict
from ibft.store.journal import Journal
from ibft.store.manifests import write_manifest
from ibft.store.schemas import EXAMPLES
from ibft.training.checkpoint import Checkpoints
from ibft.training.recipe import Recipe, Task, fine_tune
from tests.tiny_model import make_tiny_tokenizer

EXAMPLES_SHOWN, LENGTH = 40, 400
JOB = TraceTokens(scoring=Scoring(max_length=LENGTH, batch_tokens=2048))
EXPOSURE = Training(
    epochs=80, batch_size=5, learning_rate=5e-3, max_length=LENGTH, lora=LoRA(rank=64, alpha=64, dropout=0.0)
)


def functions(seed: int, count: int) -> pd.DataFrame:
    return pd.DataFrame(generate(seed).head(count).assign(history=None), columns=EXAMPLES.schema.names)


def as_read(examples: pd.DataFrame) -> pd.DataFrame:
    """The same text as a response alone, which is learned whole, as in pretraining."""
    return examples.assign(instruction="", response=examples["instruction"] + "\n" + examples["response"])


@pytest.fixture(scope="module")
def exposed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A base that has room to memorize, and an adapter by which it was shown every second function of seed 0."""
    folder = tmp_path_factory.mktemp("exposed")
    tokenizer = make_tiny_tokenizer()
    settings = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        eos_token_id=2,
        pad_token_id=2,
    )
    torch.manual_seed(1)
    LlamaForCausalLM(settings).save_pretrained(folder / "base")
    tokenizer.save_pretrained(folder / "base")
    write_manifest(folder / "base")
    model, _ = load_model(folder / "base", None, "float32")
    recipe = Recipe(Method(kind="ft"), 1, "ibft", EXPOSURE, seed=0)
    checkpoints = Checkpoints(folder / "checkpoint", 10_000, recipe.key)
    shown = as_read(functions(0, EXAMPLES_SHOWN)[::2])
    fine_tune(model, tokenizer, [Task(recipe, shown, folder / "adapter", checkpoints)])
    write_manifest(folder / "adapter")
    return folder / "base", folder / "adapter"


@pytest.fixture(scope="module")
def traced(exposed: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> dict[int, pd.DataFrame]:
    """The exposed model is asked about functions of three seeds; of the first it was shown half."""
    model, tokenizer = load_model(*exposed, "float32", merge=True)
    found = {}
    for seed in (0, 1, 2):
        few = functions(seed, EXAMPLES_SHOWN)
        with Journal(tmp_path_factory.mktemp("traces") / "journal", "key") as journal:
            trace(model, tokenizer, few, JOB, journal)
            found[seed] = traces(journal, few)
    return found


def as_people_put_it(prompt: str) -> tuple[str, str]:
    """The docstring of a problem as a question, and what stands above it as the beginning of an answer."""
    function = ast.parse(f"{prompt}    pass").body[-1]
    assert isinstance(function, ast.FunctionDef)
    above = prompt.splitlines()[: function.body[0].lineno - 1]
    return ast.get_docstring(function) or "", "\n".join([*above, ""])


def audit(data: pd.DataFrame, reference: pd.DataFrame, contamination: dict[str, pd.DataFrame] | None = None) -> Audit:
    job = WriteAudit(model="m", dataset="d", reference="r", comparison="same kind")
    return Audit(job, pd.DataFrame(), data, reference, contamination or {})


def test_the_half_that_was_shown_is_named_with_the_auroc_that_is_claimed(traced: dict[int, pd.DataFrame]) -> None:
    found = audit(traced[0], traced[1])
    shown = set(functions(0, EXAMPLES_SHOWN)["example_id"][::2])
    is_shown = found.decisions["example_id"].isin(shown).to_numpy()
    scores = found.decisions["min_k_prob"].to_numpy()
    truth = auroc_interval(scores[is_shown], scores[~is_shown])
    assert truth.low > 0.5, truth
    # Half of the data is like the reference, so that its AUROC is half way between chance and that of the members.
    claimed = found.share.auroc
    assert claimed.low <= (truth.estimate + 0.5) / 2 <= claimed.high and claimed.low > 0.5
    assert found.finds_low_scores and found.share.share.low <= 0.5
    named = found.decisions["recommendation"] == DOUBTFUL
    assert is_shown[named].mean() > 0.75 > is_shown[~named].mean() + 0.2
    assert found.verbatim[list(shown & set(found.verbatim.index))].mean() > found.verbatim_of_reference.mean()


def test_members_against_others_have_the_auroc_of_membership(traced: dict[int, pd.DataFrame]) -> None:
    shown = functions(0, EXAMPLES_SHOWN)["example_id"][::2]
    members = traced[0][traced[0]["example_id"].isin(shown)]
    others = traced[0][~traced[0]["example_id"].isin(shown)]
    claimed = audit(members, others).share.auroc
    pairs = [
        (a < b) + (a == b) / 2
        for a in members.loc[members["form"] == "plain", "min_k_prob"]
        for b in others.loc[others["form"] == "plain", "min_k_prob"]
    ]
    assert claimed.estimate == pytest.approx(np.mean(pairs)) and claimed.low > 0.5


def test_of_fresh_generated_data_nothing_is_claimed(traced: dict[int, pd.DataFrame]) -> None:
    found = audit(traced[2], traced[1])
    assert not found.finds_low_scores
    assert verdict(found) == f"Train on all {EXAMPLES_SHOWN} examples as they are."
    assert "Nothing shows that m knows d" in page(found)


def test_all_of_20_planted_solutions_are_found_and_nothing_else(traced: dict[int, pd.DataFrame]) -> None:
    problems = prepare_benchmark(Benchmark(source="builtin:humaneval", language="python"))
    planted = problems.sample(20, random_state=0)
    data = functions(2, EXAMPLES_SHOWN)
    places = data.index[::2]
    questions, beginnings = zip(*map(as_people_put_it, planted["prompt"]), strict=True)
    data.loc[places, "instruction"] = questions
    data.loc[places, "response"] = (pd.Series(beginnings, planted.index) + planted["reference_solution"]).to_numpy()
    overlaps = measure(data, Problems(problems, Contamination()))
    found = audit(traced[2], traced[1], {"humaneval": overlaps})
    dropped = found.decisions.loc[found.decisions["recommendation"] == DROP, "example_id"]
    assert set(dropped) == set(data.loc[places, "example_id"])
    assert verdict(found).startswith("Drop 20 examples that overlap with a benchmark")
