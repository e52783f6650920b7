"""How gradient norms go together with memorization, as tables of the report."""

from collections.abc import Mapping

import pandas as pd

from ibft.config.gradients import Gradients
from ibft.labels import Labels
from ibft.tables.render import TextTable

_SCORES = {"grand": "GraNd", "el2n": "EL2N"}

Pair = tuple[str, str]  # model, dataset


def decile_table(deciles: Mapping[Pair, pd.DataFrame], k: int, settings: Gradients, labels: Labels) -> TextTable:
    """GRADIENT_DECILES by (model, dataset)."""
    rows = [
        [
            labels.model(model),
            labels.dataset(dataset),
            f"{row['decile']:.0f}",
            f"{row['examples']:,.0f}",
            f"{row['min_k_prob_low']:.2f} to {row['min_k_prob_high']:.2f}",
            f"{row['grand']:.3f} [{row['grand_low']:.3f}, {row['grand_high']:.3f}]",
            f"{row['el2n']:.3f}",
            f"{row['tokens']:.0f}",
        ]
        for (model, dataset), frame in deciles.items()
        for _, row in frame.iterrows()
    ]
    return TextTable(
        "Gradient norm by memorization",
        f"Examples in ten parts by Min-{k}% Prob, 1 = most memorized. GraNd: norm of an example's LoRA gradient; EL2N: "
        f"length of its error vector; both are means over {_initialisations(settings)} {_moment(settings)}, the loss "
        f"taken as the {settings.reduction} over the example's response tokens. In brackets: 95% interval of the mean.",
        [
            ("Model", False),
            ("Fine-tuning data", False),
            ("Decile", True),
            ("Examples", True),
            (f"Min-{k}% Prob", True),
            ("GraNd", True),
            ("EL2N", True),
            ("Response tokens", True),
        ],
        rows,
    )


def correlation_table(correlations: Mapping[Pair, pd.DataFrame], k: int, labels: Labels) -> TextTable:
    """GRADIENT_CORRELATIONS by (model, dataset)."""
    others = {"min_k_prob": f"Min-{k}% Prob", "tokens": "number of response tokens"}
    rows = [
        [
            labels.model(model),
            labels.dataset(dataset),
            _SCORES[row["score"]],
            others[row["other"]] + ("" if pd.isna(row["given"]) else f", {others[row['given']]} held constant"),
            "–" if pd.isna(row["rho"]) else f"{row['rho']:+.2f}",
            "–" if pd.isna(row["low"]) else f"{row['low']:+.2f} to {row['high']:+.2f}",
            f"{row['examples']:,}",
        ]
        for (model, dataset), frame in correlations.items()
        for _, row in frame.iterrows()
    ]
    return TextTable(
        "What gradient norms go together with",
        "Spearman's rank correlations. Positive with Min-K% Prob: memorized examples have smaller gradients, as the "
        "paper argues. Short and long examples differ in both, so the value with length held constant is the one that "
        "speaks about memorization.",
        [
            ("Model", False),
            ("Fine-tuning data", False),
            ("Score", False),
            ("With", False),
            ("ρ", True),
            ("95% interval", True),
            ("Examples", True),
        ],
        rows,
    )


def _initialisations(settings: Gradients) -> str:
    return "one adapter" if settings.initialisations == 1 else f"{settings.initialisations} adapter initialisations"


def _moment(settings: Gradients) -> str:
    return f"after {settings.warmup_steps} steps of fine-tuning" if settings.warmup_steps else "at initialisation"
