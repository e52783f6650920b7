"""The numbers of the paper's Tables 1 and A1, as printed (arXiv 2510.16022), and the same as METRICS.

`numbers.csv` names the table and the section that it stands in. `percent` and `spread` are the printed digits; the
paper calls the spread "its variance over five independent trials", and Table A1 has none. Models, datasets, methods and
benchmarks are called as `config/paper.yaml` labels them.

With k = n = 10 a value of Table A1 is a share of HumanEval's 164 problems, and all are, but for the row of FT on
DeepSeek-Coder-7B-v1.5: its values are multiples of 1/156, the number of problems of Eval-Human. They stand as printed.
"""

from pathlib import Path

import pandas as pd

from ibft.labels import Labels
from ibft.store.schemas import METRICS

TEMPERATURE = 0.2  # "the default choice is T = 0.2" (Section 5.2)
N, TRIALS = 10, 5
PROBLEMS = {"Eval-Human": 156, "Eval-Machine": 143, "HumanEval": 164}
LABELS = Labels(
    models={
        name: name
        for name in (
            "CodeLlama-7B-Instruct",
            "DeepSeek-Coder-7B-Instruct-v1.5",
            "Llama-3-8B",
            "DeepSeek-Coder-7B-v1.5",
        )
    },
    methods={name: name for name in ("Base", "FT", "FT w/ GraNd", "FT w/ Min-K%", "IB-FT")},
    kinds={"Base": "base", "FT": "ft", "FT w/ GraNd": "ft-grand", "FT w/ Min-K%": "ft-mink", "IB-FT": "ibft"},
)

_FILE = Path(__file__).with_name("paper_numbers.csv")


def paper_numbers() -> pd.DataFrame:
    """Table, section, model, dataset, method, benchmark, k, m, percent and spread (NaN in Table A1)."""
    return pd.read_csv(_FILE)


def paper_metrics(numbers: pd.DataFrame) -> pd.DataFrame:
    """`numbers` as METRICS. The paper gives no intervals: `low` and `high` are the estimate itself."""
    estimate = numbers["percent"] / 100
    return pd.DataFrame(
        numbers.assign(
            temperature=TEMPERATURE,
            n=N,
            runs=TRIALS,
            excluded="",
            estimate=estimate,
            std=numbers["spread"] / 100,
            low=estimate,
            high=estimate,
            official_estimate=estimate,
            problems=numbers["benchmark"].map(PROBLEMS),
        ),
        columns=METRICS.schema.names,
    )
