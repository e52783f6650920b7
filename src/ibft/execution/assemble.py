"""From what a model wrote to the program that is run: bodies get the problem's header, whole modules do not.

Nothing is repaired: a completion that upstream's harness would run as it stands is run as it stands. Only packing is
taken off: code fences, prose round them, and a second copy of the header.
"""

import re

from ibft.execution.python.source import masked
from ibft.execution.verilog.source import blanked

_FENCE_LINE = re.compile(r"^[ \t]*```", re.MULTILINE)
_FENCE = re.compile(r"^[ \t]*```[^\n`]*\n(.*?)(?:^[ \t]*```|\Z)", re.MULTILINE | re.DOTALL)
_PYTHON_START = re.compile(r"^(?:import |from \w[\w.]* import |def |async def |class |@)", re.MULTILINE)
_PROSE = re.compile(r"^[A-Z][\w'’-]*,?(?: [\w'’`\"(),.:;/-]++){2,}+$")


def assemble(language: str, prompt: str, entry_point: str, completion: str) -> str:
    """Return the program that is run for `completion`: a continuation of `prompt` or a whole module, packed or not."""
    build = _python if language == "python" else _verilog
    return build(prompt, entry_point, completion)


def _python(prompt: str, entry_point: str, completion: str) -> str:
    defines = re.compile(rf"^(?:async )?def {re.escape(entry_point)}\b", re.MULTILINE)
    completion = completion.removeprefix("\ufeff")
    bare = masked(completion)  # is read in place of the completion, so that nothing is cut at a line of a docstring
    block = _unfenced(bare, defines)
    code, bare = completion[block], bare[block]
    found = defines.search(bare)
    if not found:
        return prompt + code
    start = 0 if _starts_as_code(bare) else (_PYTHON_START.search(bare) or found).start()
    module = code[start : start + _length_without_closing_prose(bare[start:])]
    if "from __future__ import" in module:
        return module
    # Imports and helpers that stand above the function in the prompt belong to the module as well.
    header = defines.search(prompt)
    above = prompt[: header.start()] if header else ""
    return module if module.startswith(above) else above + module


def _starts_as_code(code: str) -> bool:
    first = re.search(r"\S[^\n]*", code)
    return not (first and _PROSE.match(first[0].rstrip()))


def _length_without_closing_prose(module: str) -> int:
    """Find the first unindented line after a definition that reads like a sentence, else the end."""
    start, defined = 0, False
    for line in module.split("\n"):
        defined = defined or line.startswith(("def ", "async def ", "class "))
        if defined and _PROSE.match(line.rstrip()):
            return start
        start += len(line) + 1
    return len(module)


def _verilog(prompt: str, entry_point: str, completion: str) -> str:
    defines = re.compile(rf"\bmodule\s+{re.escape(entry_point)}\b")
    code = completion[_unfenced(completion, defines)]
    bare = blanked(code)
    first = re.search(r"\b(?:module|endmodule)\b", bare)
    is_module = bool(defines.search(bare)) or (first is not None and first[0] == "module")
    return code if is_module else f"{prompt}\n{code}"


def _unfenced(completion: str, defines: re.Pattern[str]) -> slice:
    """Return the fenced block that holds the definition, else the first one; without fences, the completion itself.

    A lone closing fence, where the prompt had opened the block, ends the code.
    """
    if not _FENCE_LINE.search(completion):
        return slice(None)
    opening = slice(completion.index("```"))
    if completion[opening].strip() and _is_continued_block(completion, completion[opening], defines):
        return opening
    blocks = [slice(*found.span(1)) for found in _FENCE.finditer(completion)]
    return next((block for block in blocks if defines.search(completion[block])), blocks[0] if blocks else opening)


def _is_continued_block(completion: str, opening: str, defines: re.Pattern[str]) -> bool:
    """Return true if the text above the first fence is code that the prompt's open fence began, not prose."""
    if completion.count("```") % 2 == 0:
        return False
    return _starts_as_code(opening) or bool(defines.search(opening))
