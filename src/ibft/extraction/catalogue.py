"""The extractors by the name of the profile that a completion was prompted with.

An extractor is apart from its profile because training reads profiles, too: a mended extractor retrains nothing.
"""

from collections.abc import Callable

from ibft.extraction import python, verilog
from ibft.extraction.fences import last_block
from ibft.extraction.thinking import without_thoughts
from ibft.prompts import Problem, get_profile
from ibft.prompts.catalogue import CLOSING_FENCE, TOP_LEVEL, header_of, ibft_stops

Extractor = Callable[[str, Problem], str]


def extract(profile: str, completion: str, problem: Problem) -> str:
    """Return the code in `completion`: a Python program or a Verilog module that defines the problem's entry point.

    It may be broken, but it is never left out.

    Raises:
        UserError: no profile is called `profile`.
    """
    return EXTRACTORS[get_profile(profile).name](completion, problem)


def _code_after_header(text: str, problem: Problem) -> str:
    """Join an opened answer and its completion, and take the code out of both."""
    header = header_of(problem)
    if problem.language == "verilog":
        return verilog.whole_module(header, text, problem.entry_point)
    return python.program(header, text, problem.entry_point)


def _chat_code(completion: str, problem: Problem) -> str:
    return _code_after_header(python.cut_at(completion, (CLOSING_FENCE,)), problem)


def _reasoning_code(completion: str, problem: Problem) -> str:
    answer = without_thoughts(completion)
    is_defined = verilog.declares_module if problem.language == "verilog" else python.defines_function
    block = last_block(answer, lambda code: is_defined(code, problem.entry_point))
    return _code_after_header(block, problem)


def _ibft_code(completion: str, problem: Problem) -> str:
    return _code_after_header(python.cut_at(completion, ibft_stops(problem.language)), problem)


def _origen_code(completion: str, problem: Problem) -> str:
    body = verilog.first_block_without_header(completion)
    return verilog.whole_module(problem.prompt, body, problem.entry_point)


def _vericoder_code(completion: str, _problem: Problem) -> str:
    return verilog.longest_block_or_modules(completion)


def _rtlcoder_code(completion: str, problem: Problem) -> str:
    return verilog.whole_module(problem.prompt, verilog.up_to_last_end(completion), problem.entry_point)


def _evalplus_base_code(completion: str, problem: Problem) -> str:
    return python.program(problem.prompt, python.cut_at(completion, TOP_LEVEL), problem.entry_point)


def _evalplus_chat_code(completion: str, problem: Problem) -> str:
    return python.program(problem.prompt, python.cut_at(completion, (CLOSING_FENCE,)), problem.entry_point)


def _wizardcoder_code(completion: str, problem: Problem) -> str:
    block = python.first_block(completion)
    return python.program(
        problem.prompt, python.cut_at(block, ('if __name__ == "__main__":', "# Example usage")), problem.entry_point
    )


EXTRACTORS: dict[str, Extractor] = {
    "chat": _chat_code,
    "reasoning": _reasoning_code,
    "ibft": _ibft_code,
    "origen": _origen_code,
    "vericoder": _vericoder_code,
    "rtlcoder": _rtlcoder_code,
    "evalplus-base": _evalplus_base_code,
    "evalplus-chat": _evalplus_chat_code,
    "wizardcoder": _wizardcoder_code,
}
