"""Taking one Python program out of a completion: it defines the entry point and what that needs, and no more."""

import ast
import re
from collections.abc import Iterator
from itertools import takewhile

from ibft.prompts.stubs import NOT_PYTHON, parse, parsed

_OPENING_FENCE = re.compile(r"```(?:python|py)\b")
_CLOSING_FENCE = "\n```"
_LINE = re.compile(r"[^\r\n]*(?:\r\n?|\n)|[^\r\n]+")  # as Python counts them
_UNREADABLE = re.compile(r"[\0\ud800-\udfff]")  # for Python, wherever it stands
_DECORATOR = re.compile(r"@\s*[\w.]+")
_PARSED_AT_MOST = 1 << 22  # characters, however often; a few seconds, for text that no model writes


def program(opening: str, text: str, entry_point: str) -> str:
    """A program that defines `entry_point`, from the opening that a model was given and the text that it wrote.

    That is `text` after the opening's imports and helpers if it defines the entry point itself, else `opening`
    continued by `text`; less what neither the entry point nor the helpers reach. Tests may call the helpers, too.
    """
    given = before_function(opening, entry_point)
    if defines_function(text, entry_point):
        whole = given + text
    else:
        whole = opening.rstrip() + ("" if text.startswith("\n") else "\n") + text
    tree = parsed(given)
    helpers = [name for node in tree.body for name in _defined_names(node)] if tree else []
    return reachable(whole, entry_point, *helpers)


def defines_function(text: str, name: str) -> bool:
    return _definition(name).search(text) is not None


def before_function(prompt: str, name: str) -> str:
    """Return the part of `prompt` before it defines `name`: imports, constants, helper functions."""
    definition = _definition(name).search(prompt)
    return prompt[: definition.start()] if definition else ""


def first_block(text: str) -> str:
    """The first Python code block (an unclosed one runs to the end), or the text as it is."""
    opening = _OPENING_FENCE.search(text)
    line_end = text.find("\n", opening.end()) if opening else -1
    return cut_at(text[line_end + 1 :], (_CLOSING_FENCE,)) if line_end >= 0 else text


def cut_at(text: str, marks: tuple[str, ...]) -> str:
    """`text` up to the first of `marks` that occurs in it."""
    return text[: min((at for mark in marks if (at := text.find(mark)) >= 0), default=len(text))]


def reachable(code: str, entry_point: str, *others: str) -> str:
    """The imports of `code`, `entry_point`, `others`, and the top-level definitions that these reach.

    Lines after the last one up to which `code` is valid Python are dropped first. Of two definitions of a name the
    first one counts, as in EvalPlus. Code in which the entry point cannot be found so is returned as it is.
    """
    tree, lines = _longest_valid_prefix(code)
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    definitions: dict[str, ast.stmt] = {}
    for node in tree.body:
        for name in _defined_names(node):
            definitions.setdefault(name, node)
    if entry_point not in definitions:
        return code
    names = _closure({entry_point, *others} & definitions.keys(), definitions)
    kept = [*imports, *(definitions[name] for name in names)]
    numbers = sorted({number for node in kept for number in _line_numbers(node)})
    return "".join(lines[number - 1] for number in numbers).rstrip("\r\n") + "\n"


def _definition(name: str) -> re.Pattern[str]:
    return re.compile(rf"^(?:async\s+)?def\s+{re.escape(name)}\b", re.MULTILINE)


def _longest_valid_prefix(code: str) -> tuple[ast.Module, list[str]]:
    """The longest run of lines from the first one that is valid Python, less what ends no statement at its end.

    Where a text fails on some line, all of its prefixes that hold this line fail, so the search goes on above it. It
    is given up when so much has been parsed as only text that was made for it takes.
    """
    lines: list[str] = list(takewhile(lambda line: not _UNREADABLE.search(line), _LINE.findall(code)))
    parsed = 0
    while lines and (parsed := parsed + sum(map(len, lines))) <= _PARSED_AT_MOST:
        try:
            return parse("".join(lines)), lines
        except NOT_PYTHON as error:
            failed_on = getattr(error, "lineno", None) or len(lines)  # nested too deep, it fails on no line
        del lines[min(failed_on, len(lines)) - 1 :]
        while lines and _ends_no_statement(lines):
            lines.pop()
    return ast.Module(body=[], type_ignores=[]), []


def _ends_no_statement(lines: list[str]) -> bool:
    """Return true if the last line is blank, a comment or a decorator, with which no valid text ends."""
    last = lines[-1].strip()
    is_continued = len(lines) > 1 and lines[-2].rstrip("\r\n").endswith("\\")
    return last[:1] in ("", "#") or (_DECORATOR.fullmatch(last) is not None and not is_continued)


def _defined_names(node: ast.stmt) -> Iterator[str]:
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield node.name
        case ast.Assign(targets=targets):
            yield from (leaf.id for target in targets for leaf in ast.walk(target) if isinstance(leaf, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield name


def _closure(roots: set[str], definitions: dict[str, ast.stmt]) -> set[str]:
    """The names in `definitions` that `roots` mention, directly or through others, and `roots`."""
    found, pending = set(roots), sorted(roots)
    while pending:
        mentioned = {n.id for n in ast.walk(definitions[pending.pop()]) if isinstance(n, ast.Name)}
        new = mentioned & definitions.keys() - found
        found |= new
        pending += sorted(new)
    return found


def _line_numbers(node: ast.stmt) -> range:
    """The lines of a statement, from 1, its decorators included."""
    first = min([node.lineno, *(d.lineno for d in getattr(node, "decorator_list", []))])
    return range(first, (node.end_lineno or node.lineno) + 1)
