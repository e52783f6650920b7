"""Known defects of a benchmark's problems, by name, as the benchmark's own readers have reported them."""

import csv
from functools import cache
from pathlib import Path


@cache
def known_defects(harness: str) -> dict[str, str]:
    """Map task_id to a sentence on its defect and where it was reported; empty for a harness without errata."""
    path = Path(__file__).with_name(f"{harness}.csv")
    if not path.exists():
        return {}
    with path.open(encoding="utf-8", newline="") as lines:
        return {row["task_id"]: f"known defect: {row['defect']} ({row['source']})" for row in csv.DictReader(lines)}
