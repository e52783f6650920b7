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
_FORMATTED = re.compile(r"[fF][rR]?[\"']")  # opens a string that holds code

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
    """Return `code` in which no part of a string or comment reads like a code fence, a header or prose.

    Every character keeps its place. A string without an end is left as it is.
    """
    return _OPAQUE.sub(_mask, code)


def _mask(found: re.Match[str]) -> str:
    if found["long_end"]:
        return re.sub(r"[^\n]", "_", found[0])
    is_endless = found["long"] or (found["short"] and not found["short_end"])  # an apostrophe of prose, maybe
    return found[0] if is_endless else found[0].replace("```", "___")


def is_pure(program: str) -> bool:
    """Return true if `program` computes plain values and has no means to notice how, or by whom, it is called.

    It is judged by words, so it errs on the safe side: a telling word in a string counts.
    """
    if any(not letter.isascii() and f"a{letter}".isidentifier() for letter in set(program)):
        return False  # Python reads some of these letters as ASCII ones, so any word may be a telling one
    if _ESCAPE.search(program) or any(
        word.startswith(_TELLING_PREFIXES) for word in set(_WORD.findall(program)) - {"_"}
    ):
        return False
    code = _without_prose(program)
    found = _WORD.findall(code)
    imports = _IMPORT.findall(code)
    # As many as words `import`, or else one is written in a way that is not understood here.
    if not _TELLING.isdisjoint(found) or len(imports) != found.count("import"):
        return False
    modules = [name for source, names in imports for name in (source or names).split(",")]
    return all(module.split()[0].split(".")[0] in _PURE_MODULES for module in modules if module.strip())


def _without_prose(code: str) -> str:
    """Leave out comments and docstrings: nearly every prompt says `input` or `format` in its own.

    Where strings may nest, or lines end otherwise than by a line feed, all is left as it is.
    """
    if "\r" in code or _FORMATTED.search(code):
        return code
    return _OPAQUE.sub(_drop_prose, code)


def _drop_prose(found: re.Match[str]) -> str:
    has_prefix = found.start() > 0 and found.string[found.start() - 1].isalnum()
    is_prose = found[0].startswith("#") or (found["long_end"] and not has_prefix)
    return " " if is_prose else found[0]


def defines_what_is_used(code: str, tests: str) -> bool:
    """Return true if `tests` use a name that `code` defines at its top level.

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
    return bool(defined & set(_WORD.findall(_without_comments(tests)))) or "*" in defined


def _without_comments(code: str) -> str:
    """Leave out comments; where lines end otherwise than by a line feed, none."""
    return code if "\r" in code else _OPAQUE.sub(lambda found: " " if found[0][0] == "#" else found[0], code)


_LOOP = re.compile(
    r"""\n(?P<indent>[ ]+)for[ ]\w+,[ ](?:(?P<each>\w+)|\((?P<first>\w+),[ ]\w+\))[ ]in[ ]
        enumerate\((?:(?P<inputs>\w+)|zip\((?P<zipped>\w+),[ ]\w+\))\):
        \n(?P=indent)[ ]+(?P<assertion>\w+\((?P<called>\w+)\(\*(?P<unpacked>\w+)\),[^\n]*\))\s*\Z""",
    re.VERBOSE,
)
_LONGEST_LOOP = 1000  # characters


def foretold(tests: str) -> str:
    """Rewrite tests whose `check` ends with a loop of EvalPlus's, so that its calls are known before they are made.

        for i, inp in enumerate(inputs):
            assertion(candidate(*inp), ref_func(*inp), 0)

        for i, (inp, exp) in enumerate(zip(inputs, results)):
            assertion(candidate(*inp), exp, 0)

    The candidate is told of them before the loop, and `assertion` is spared where an answer is known to be right:

        candidate.foresee(inputs)
        for i, inp in enumerate(inputs):
            candidate.is_right(*inp) or assertion(candidate(*inp), ref_func(*inp), 0)
    """
    loop = _LOOP.search(tests, max(0, len(tests) - _LONGEST_LOOP))
    if not loop or loop["unpacked"] != (loop["each"] if loop["inputs"] else loop["first"]):
        return tests
    called = loop["called"]
    before, check, body = tests[: loop.start()].rpartition(f"def check({called}):")
    if not check or re.search(r"\n\S", body):  # something else may follow `check`
        return tests
    told = f"\n{loop['indent']}{called}.foresee({loop['inputs'] or loop['zipped']})"
    head = tests[loop.start() : loop.start("assertion")]
    return f"{before}{check}{body}{told}{head}{called}.is_right(*{loop['unpacked']}) or {loop['assertion']}\n"
