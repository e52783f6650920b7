"""The verdict on one completion: a status out of a closed list, and the facts behind it."""

from dataclasses import dataclass, replace
from enum import StrEnum

from ibft.visible import visible


class Status(StrEnum):
    """Every way a judged completion can end. Only `PASSED` counts as solved."""

    PASSED = "passed"
    WRONG_ANSWER = "wrong_answer"
    SYNTAX_ERROR = "syntax_error"
    COMPILE_ERROR = "compile_error"  # Verilog: the compiler refused it, or warned, which upstream counts as failure
    ELABORATION_ERROR = "elaboration_error"
    RUNTIME_ERROR = "runtime_error"
    TIMEOUT = "timeout"
    MEMORY = "memory"
    OUTPUT_LIMIT = "output_limit"
    FORBIDDEN = "forbidden"  # it tried what no completion may do
    MALFORMED = "malformed"  # it has no such function, or answers with something that is no plain value
    HARNESS_ERROR = "harness_error"  # our fault, never the completion's: it stops the stage


@dataclass(frozen=True, slots=True)
class Verdict:
    status: Status
    detail: str  # one line
    official_passed: bool  # the upstream harness's rule, to the letter
    stderr_clean: bool  # Verilog: neither compiler nor simulator wrote to standard error. Python: always true
    program: str  # exactly what was run
    isolation: str  # namespaces | landlock | rlimits
    wall_s: float

    @property
    def passed(self) -> bool:
        """The hardened verdict."""
        return self.status is Status.PASSED

    def of(self, program: str) -> "Verdict":
        """Return the same verdict, on `program`."""
        return replace(self, program=program)


# Of samples whose problem cannot be judged here; whoever counts leaves them out, by the list of excluded problems.
EXCLUDED = (Status.MALFORMED, "excluded: the problem's own reference solution cannot be judged on this machine")


def one_line(text: str, limit: int = 200) -> str:
    """Return `text` on one line of at most `limit` characters, fit for any table and terminal."""
    start = " ".join(text.split(maxsplit=limit))[: limit + 1]  # of as many words as fit, however long the text
    flat = visible(start)
    return flat if len(flat) <= limit else flat[: limit - 1] + "…"


def describe(error: BaseException) -> str:
    """Return class and message in one line; the message may itself be hostile."""
    try:
        message = str(error)[:1000]
    except BaseException:  # a hostile __str__ has no message
        message = ""
    return one_line(f"{type(error).__name__}: {message}" if message else type(error).__name__)
