"""Every prompt profile, as data: what is asked, what is learned, where a completion stops.

`chat`, `reasoning` and `ibft` are this project's (the last is the paper's training format). The others restate, to the
letter, the prompts behind published numbers: OriGen, VeriCoder, RTLCoder, EvalPlus and WizardCoder.
"""

from ibft.prompts.profile import Problem, Profile, Turn
from ibft.prompts.stubs import is_stub, without_docstring
from ibft.runtime.errors import UserError

_PROSE = ("text", "english")  # languages of responses that are not code and get no code fence

_REASONING = "Answer with one code block (```{language}) that holds the whole {whole}."
_ORIGEN = "Please act as a professional Verilog designer and provide Verilog code based on the given description. "
_VERICODER = (
    "You are a Verilog expert. Be concise and focused on the key points and avoid repetitive thoughts. "
    "Provide the Verilog code design directly."
)
_VERICODER_HEADER = (
    "Please complete the Verilog code below and return the complete module code. Your code should start with:"
)
_EVALPLUS = "Please provide a self-contained Python script that solves the following problem in a markdown code block:"
_EVALPLUS_ANSWER = (
    "Below is a Python script with a self-contained function that solves the problem and passes corresponding tests:"
)
_WIZARDCODER = (
    "Below is an instruction that describes a task. Write a response that appropriately completes the request.\n\n"
)

TOP_LEVEL = ("\nif __name__", "\ndef main(", "\nprint(", "\ndef ", "\nclass ", "\nimport ", "\nfrom ", "\nassert ")
CLOSING_FENCE = "\n```"


def description_of(problem: Problem) -> str:
    """Return a problem's question, to the letter; where there is no prose, a Python prompt holds it as a docstring."""
    if isinstance(problem.description, str) and problem.description.strip():
        return problem.description
    if problem.language == "python":
        return problem.prompt.strip()
    return f"Complete the Verilog module {problem.entry_point}."


def header_of(problem: Problem) -> str:
    """Return the opening of the answer: a module header, or the imports and the signature of a function.

    The docstring is left to the question: shown an answer that already holds it, small models take it for complete.
    """
    header = problem.prompt.lstrip()
    return without_docstring(header) if problem.language == "python" else header


# chat: the instruction in the user message, code in a fence that is opened for the model.


def _chat_problem(problem: Problem) -> Turn:
    question = _chat_question(description_of(problem).strip(), problem.language)
    return Turn(question, f"```{problem.language}\n{header_of(problem)}")


def _chat_example(instruction: str, response: str, language: str) -> tuple[Turn, str]:
    question = _chat_question(instruction.strip(), language)
    if "```" in response or language.lower() in _PROSE:
        return Turn(question), response.strip()
    return Turn(question, f"```{language}\n"), response.strip("\n") + CLOSING_FENCE


def _chat_question(text: str, language: str) -> str:
    """Prose speaks for itself; a bare signature with its docstring needs a word on what to do with it."""
    if language == "python" and is_stub(text):
        return f"Complete the following Python function:\n```python\n{text}\n```"
    return text


# reasoning: the same question, and an answer that the model opens itself, after as much thought as it likes.


def _reasoning_problem(problem: Problem) -> Turn:
    whole = "program" if problem.language == "python" else "module"
    asked = _chat_question(description_of(problem).strip(), problem.language)
    if problem.language == "verilog":
        asked += f"\n\nThe module begins with:\n```verilog\n{problem.prompt.strip()}\n```"
    return Turn(f"{asked}\n\n{_REASONING.format(language=problem.language, whole=whole)}")


def _reasoning_example(instruction: str, response: str, language: str) -> tuple[Turn, str]:
    turn, answer = _chat_example(instruction, response, language)
    return Turn(turn.question), turn.opening + answer


# ibft: the paper's training format, `{Instruction}\n{Response}` and nothing else.


def _ibft_problem(problem: Problem) -> Turn:
    return Turn(f"{description_of(problem).strip()}\n", header_of(problem))


def _plain_example(instruction: str, response: str, _language: str) -> tuple[Turn, str]:
    return Turn(f"{instruction}\n"), response


def ibft_stops(language: str) -> tuple[str, ...]:
    """Return the strings that end the code of a model that was trained without an end token.

    After its Python a model goes on with more of what it was trained on, be it circuits, or closes a fence.
    """
    return ("endmodule",) if language == "verilog" else (*TOP_LEVEL, "\nmodule ", f"{CLOSING_FENCE}\n")


# origen (pku-liang/OriGen, evaluation/generate_lora.py)


def _origen_problem(problem: Problem) -> Turn:
    return Turn(f"### Instruction: {_ORIGEN}{description_of(problem)}\n### Response: ", f"{problem.prompt}\n")


def _origen_example(instruction: str, response: str, _language: str) -> tuple[Turn, str]:
    return Turn(f"### Instruction: {instruction}\n### Response: "), response


# vericoder (Anjiang-Wei/VeriCoder, the evaluation that the paper adapts)


def _vericoder_problem(problem: Problem) -> Turn:
    asked = f"{_VERICODER}\n\n{description_of(problem)}\n{_VERICODER_HEADER}\n"
    return Turn(f"{asked}```verilog\n{problem.prompt}```")


def _vericoder_example(instruction: str, response: str, language: str) -> tuple[Turn, str]:
    return Turn(f"{_VERICODER}\n\n{instruction.strip()}\n"), f"```{language}\n{response.strip()}{CLOSING_FENCE}"


# rtlcoder (hkust-zhiyao/RTL-Coder, benchmark_inference/test_on_verilog-eval.py)


def _rtlcoder_problem(problem: Problem) -> Turn:
    return Turn(f"{description_of(problem)}\n", f"{problem.prompt}\n")


# evalplus-base and evalplus-chat (evalplus/evalplus, provider/utility.py and sanitize.py)


def _evalplus_base_problem(problem: Problem) -> Turn:
    return Turn(f"{problem.prompt.strip()}\n")


def _evalplus_chat_problem(problem: Problem) -> Turn:
    question = f"{_EVALPLUS}\n```\n{problem.prompt.strip()}\n```\n"
    return Turn(question, f"{_EVALPLUS_ANSWER}\n```python\n")


def _evalplus_chat_example(instruction: str, response: str, _language: str) -> tuple[Turn, str]:
    return Turn(instruction), response


# wizardcoder (nlpxucan/WizardLM, WizardCoder/src)


def _wizardcoder_problem(problem: Problem) -> Turn:
    asked = f"Create a Python script for this problem:\n{problem.prompt}"
    return Turn(f"{_WIZARDCODER}### Instruction:\n{asked}\n\n### Response:")


def _wizardcoder_example(instruction: str, response: str, _language: str) -> tuple[Turn, str]:
    return Turn(f"{_WIZARDCODER}### Instruction:\n{instruction}\n\n### Response:"), response


PROFILES = {
    profile.name: profile
    for profile in (
        Profile(
            "chat",
            1,
            _chat_problem,
            _chat_example,
            templated=True,
            stop_strings=lambda _language: (CLOSING_FENCE,),
        ),
        Profile("reasoning", 1, _reasoning_problem, _reasoning_example, templated=True),
        Profile("ibft", 2, _ibft_problem, _plain_example, bos=False, ends=False, stop_strings=ibft_stops),
        Profile(
            "origen",
            1,
            _origen_problem,
            _origen_example,
            language="verilog",
            keeps_trailing_whitespace=True,
        ),
        Profile("vericoder", 1, _vericoder_problem, _vericoder_example, language="verilog"),
        Profile(
            "rtlcoder",
            1,
            _rtlcoder_problem,
            _plain_example,
            language="verilog",
            stop_strings=lambda _language: ("endmodulemodule",),
            keeps_trailing_whitespace=True,
        ),
        Profile(
            "evalplus-base",
            1,
            _evalplus_base_problem,
            _plain_example,
            language="python",
            stop_strings=lambda _language: TOP_LEVEL,
            keeps_trailing_whitespace=True,
        ),
        Profile(
            "evalplus-chat",
            1,
            _evalplus_chat_problem,
            _evalplus_chat_example,
            language="python",
            templated=True,
            stop_strings=lambda _language: ("\n```\n", *TOP_LEVEL[:3]),
            keeps_trailing_whitespace=True,
        ),
        Profile("wizardcoder", 1, _wizardcoder_problem, _wizardcoder_example, language="python"),
    )
}


def get_profile(name: str) -> Profile:
    """The profile called `name`.

    Raises:
        UserError: there is none; the sentence lists them.
    """
    if name not in PROFILES:
        raise UserError(f"unknown profile {name!r}; valid are {', '.join(sorted(PROFILES))}")
    return PROFILES[name]
