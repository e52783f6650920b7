"""Python source as text: what a program could know, and which helpers tests need."""

import ast
import re

# A string with or without its end, or a comment. No character is read twice, whatever stands in it.
_OPAQUE = re.compile(
    r"""(?P<long>\"{3}|'{3}) (?: (?!(?P=long)) [^\\] | \\. )*+ (?P<long_end>(?P=long))?
      | (?P<short>["']) (?: (?!(?P=short)) [^\\\n] | \\. )*+ (?P<short_end>(?P=short))?
      | \#[^\n]*""",
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"[^\W\d]\w*")
_IMPORT = re.compile(r"\b(?:from[ \t]+([\w.]+)[ \t]+import\b|import[ \t]+([^#;\n]+))")
_ESCAPE = re.compile(r"\\[xuUN0-7]")  # in a string it can spell any name

# fmt: off
_PURE_MODULES = frozenset({
    "bisect", "cmath", "collections", "copy", "fractions", "functools", "heapq", "itertools", "math", "numbers",
    "operator", "re", "statistics", "string", "typing",
})
# Names by which a program can look round itself, keep objects that are no plain values, or meet the tests.
_TELLING = frozenset({
    "Formatter", "attrgetter", "breakpoint", "check", "class", "compile", "delattr", "dir", "eval", "exec", "exit",
    "format", "format_map", "get_type_hints", "getattr", "global", "globals", "hash", "help", "id", "input", "locals",
    "methodcaller", "nan", "open", "os", "quit", "setattr", "singledispatch", "singledispatchmethod", "sys", "vars",
    "yield",
})
# fmt: on
_TELLING_PREFIXES = ("_", "ag_", "co_", "cr_", "f_", "func_", "gi_", "tb_")


def masked(code: str) -> str:
    """`code` in which no part of a string or comment reads like a code fence, a header or prose.

    Every character keeps its place. A string without an end is left as it is.
    """
    return _OPAQUE.sub(_mask, code)


def _mask(found: re.Match[str]) -> str:
    if found["long_end"]:
        return re.sub(r"[^\n]", "_", found[0])
    is_endless = found["long"] or (found["short"] and not found["short_end"])  # an apostrophe of prose, maybe
    return found[0] if is_endless else found[0].replace("```", "___")


def cannot_tell(program: str) -> bool:
    """Whether `program` computes plain values and has no means to notice how, or by whom, it is called.

    It is judged by words, so it errs on the safe side: a telling word in a comment counts.
    """
    if any(not letter.isascii() and f"a{letter}".isidentifier() for letter in set(program)):
        return False  # Python reads some of these letters as ASCII ones, so any word may be a telling one
    found = _WORD.findall(program)
    used = set(found) - {"_"}
    if used & _TELLING or any(word.startswith(_TELLING_PREFIXES) for word in used) or _ESCAPE.search(program):
        return False
    imports = _IMPORT.findall(program)
    if len(imports) != found.count("import"):  # one is written in a way that is not understood here
        return False
    modules = [name for source, names in imports for name in (source or names).split(",")]
    return all(module.split()[0].split(".")[0] in _PURE_MODULES for module in modules if module.strip())


def defines_what_is_used(code: str, tests: str) -> bool:
    """Whether `tests` use a name that `code` defines at its top level.

    Code that does not parse may define anything.
    """
    try:
        statements = ast.parse(code).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last two: nested too deep
        return True
    defined: set[str] = set()
    for node in statements:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            defined |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
        else:
            defined |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return bool(defined & set(_WORD.findall(tests))) or "*" in defined
