"""All problems of `rtl-mini` as VerilogEval records, easiest grade first."""

from ibft.data.builtin.rtl_mini.easy import EASY
from ibft.data.builtin.rtl_mini.hard import HARD
from ibft.data.builtin.rtl_mini.medium import MEDIUM
from ibft.data.builtin.rtl_mini.problem import record

GRADES = {"easy": EASY, "medium": MEDIUM, "hard": HARD}


def records() -> list[dict[str, str]]:
    """Return one VerilogEval record per problem. A `task_id` reads `<grade>_<name>`."""
    return [record(problem, f"{grade}_{problem.name}") for grade, problems in GRADES.items() for problem in problems]
