"""Verilog source as text: comments blanked, testbenches renamed so that nobody can name their parts.

A simulated module can reach up into the scopes above it by name: read the reference's outputs, call the testbench's
tasks, set its counters. Names that are drawn anew for each run cannot be guessed.
"""

import functools
import re
from dataclasses import dataclass

_OPAQUE = r"""(?P<comment>//[^\n]*|/\*.*?(?:\*/|\Z))
      | (?P<string>"(?:\\.|[^"\\\n])*+"?)"""
_ESCAPED = r"\\[^ \t\b\n\f\r]+"  # ends where it ends for Icarus
_WORD = rf"(?P<word>[`$]?[A-Za-z_][\w$]*|{_ESCAPED})"
_HIDDEN = re.compile(f"{_OPAQUE} | {_ESCAPED}", re.VERBOSE | re.DOTALL)
_WORDS = re.compile(f"{_OPAQUE} | {_WORD}", re.VERBOSE | re.DOTALL)
_TOKEN = re.compile(rf"{_OPAQUE} | {_WORD} | (?P<space>\s+) | (?P<other>.)", re.VERBOSE | re.DOTALL)
_VERDICT = '"Mismatches: '
_PARENTHESES = r"\((?:[^()]|\([^()]*\))*\)"  # with at most one more pair inside
_NONCE, _MARKER = "\ue000nonce\ue000", "\ue000marker\ue000"  # of private characters, which no testbench holds
_REMEMBERED = 1024  # problems of which what follows from their tests alone is kept
_COUNT_MISMATCH = re.compile(r"\bstats1\.errors\+\+;")
# RTLLM's testbenches end with one of two prints in the open: `===Your Design Passed===`, or what failed in such bars.
_OPEN_PRINT = re.compile(r'\$display\s*\(\s*"\s*=+([^"\n]*)"[^;]*\)\s*;')
_DONE = "Your Design Passed"
# A function of the testbench that is always true, and counts how often its argument is undefined.
_DEFINED, _UNDEFINED = f"defined_{_NONCE}", f"undefined_{_NONCE}"
_COUNTING = f"""
integer {_UNDEFINED} = 0;
function {_DEFINED}(input value);
begin {_DEFINED} = 1; if ($time > 0 && value === 1'bx) {_UNDEFINED} = {_UNDEFINED} + 1; end
endfunction
"""


@dataclass(frozen=True)
class Testbench:
    """A problem's tests, made ready for one run."""

    text: str
    root: str  # name of the top module
    dut: str  # name of the instance of the completion's module
    marker: str  # leads the verdict line


class UnusableTestbenchError(Exception):
    """A benchmark's testbench lacks what the verdict protocol needs."""


def blanked(text: str) -> str:
    """Return `text` with comments and strings replaced by blanks, every other character in its place."""
    return _HIDDEN.sub(lambda found: re.sub(r"[^\n]", " ", found[0]) if found.lastgroup else found[0], text)


def words(text: str) -> set[str]:
    """Identifiers, keywords, system tasks (`$x`) and directives (`` `x ``) outside comments and strings."""
    return {found[0] for found in _WORDS.finditer(text) if found.lastgroup == "word"}


def is_empty(program: str, module: str) -> bool:
    """Return true if `module` has a header and nothing else."""
    header = rf"\bmodule\s+{re.escape(module)}\b(?:(?!\bmodule\b)[^;])*+;"
    return bool(re.search(rf"{header}\s*endmodule\b", blanked(program)))


@functools.lru_cache(_REMEMBERED)
def own_names(tests: str, module: str) -> frozenset[str]:
    """Return the names of modules and the like, instances, tasks, functions and blocks that the testbench declares.

    Args:
        tests: the testbench with its reference and stimulus modules.
        module: the module that is tested; it keeps its name.
    """
    text = blanked(tests)
    kinds = "module|program|primitive|package|interface|class"
    modules = set(re.findall(rf"\b(?:{kinds})\s+(?:automatic\s+|static\s+)?(\w+)", text))
    names = set(modules)
    for kind in modules | {module}:
        names |= set(re.findall(rf"\b{re.escape(kind)}\s+(?:#\s*{_PARENTHESES}\s*)?(\w+)\s*\(", text))
    names |= set(re.findall(r"\btask\s+(?:automatic\s+|static\s+)?(\w+)", text))
    names |= _functions(text)
    names |= set(re.findall(r"\b(?:begin|fork)\s*:\s*(\w+)", text))
    return frozenset(names - {module})


def _functions(text: str) -> set[str]:
    """A function's name is the last word before the first semicolon or parenthesis that follows the keyword."""
    ends = (re.findall(r"\w+|\S", part) for part in re.split(r"[;(]", text)[:-1])
    return {tokens[-1] for tokens in ends if "function" in tokens[:-1] and re.match(r"\w", tokens[-1])}


def harden(tests: str, module: str, nonce: str, marker: str, guarded: tuple[str, ...] = ()) -> Testbench:
    """Rename what the testbench declares, mark its verdict line, and let it stop at the first mismatch.

    Stopping early changes no verdict: upstream's counter only ever grows, and any mismatch fails the completion.

    Args:
        guarded: outputs of `module` that must be defined whenever a condition of the testbench reads them.

    Raises:
        UnusableTestbenchError: there is no one module above the others, no verdict line, or not one instance of
            `module` whose connections are spelt out.
    """
    form = _form(tests, module, guarded)

    def filled(text: str) -> str:
        return text.replace(_NONCE, nonce).replace(_MARKER, marker)

    return Testbench(filled(form.text), filled(form.root), filled(form.dut), marker)


@functools.lru_cache(_REMEMBERED)
def _form(tests: str, module: str, guarded: tuple[str, ...]) -> Testbench:
    """The hardened testbench with places for what is drawn anew for each run; the rest is the same for all samples."""
    bare = blanked(tests)
    names = own_names(tests, module)
    root = _root(bare)
    instances = re.findall(rf"\b{re.escape(module)}\s+(?:#\s*{_PARENTHESES}\s*)?(\w+)\s*\(([^;]*)", bare)
    if len(instances) != 1:
        raise UnusableTestbenchError(f"its tests hold {len(instances)} instances of {module}, not 1")
    ((instance, connections),) = instances
    if re.search(r"\.\s*\*", connections):
        raise UnusableTestbenchError(f"its tests connect {module} by .*, so it could ask for any signal of theirs")
    nets = [
        net
        for port in guarded
        for net in re.findall(rf"\.\s*{re.escape(port)}\s*\(\s*([A-Za-z_]\w*)\s*\)", connections)
    ]
    watched = _watched(tests, root, nets) if nets else tests
    text = _marked(_renamed(watched, {name: f"{name}_{_NONCE}" for name in names}), _UNDEFINED if nets else "0")
    # The program that follows must not see the macros, which may hold the new names.
    text += "".join(f"\n`undef {macro}" for macro in re.findall(r"`define\s+(\w+)", bare))
    return Testbench(text, f"{root}_{_NONCE}", f"{instance}_{_NONCE}", _MARKER)


def _root(bare: str) -> str:
    """Return the module `tb`, as VerilogEval calls it, or the one that no other one of the testbench instantiates."""
    modules: list[str] = re.findall(r"\bmodule\s+(\w+)", bare)
    if "tb" in modules:
        return "tb"
    above = [name for name in modules if not re.search(rf"(?<!module)\s{name}\s+(?:#\s*\(|\w+\s*\()", bare)]
    if len(above) != 1:
        raise UnusableTestbenchError(f"its tests have {len(above)} modules that no other one instantiates, not 1")
    return above[0]


def _watched(tests: str, root: str, nets: list[str]) -> str:
    """Let the module `root` count how often a condition of an `if` reads one of `nets` while it is undefined.

    To an `if`, an undefined output is as good as a false one: where `if (!equal) error = 1;` is the test, it passes. At
    time 0 nothing has been set yet, so such reads do not count.
    """
    bare = blanked(tests)
    header = re.search(rf"\bmodule\s+{root}\b[^;]*;", bare)
    start = header.end() if header else 0
    read = re.compile(rf"\b(?:{'|'.join(nets)})\b")
    parts, last = [tests[:start], _COUNTING], start
    for found in re.finditer(rf"\bif\s*({_PARENTHESES})", bare):
        if found.start() >= start and (seen := sorted(set(read.findall(found[1])))):
            parts += [
                tests[last : found.start(1)],
                f"({_DEFINED}(^{{{', '.join(seen)}}}) && ",
                tests[found.start(1) : found.end(1)],
                ")",
            ]
            last = found.end(1)
    return "".join([*parts, tests[last:]])


def _marked(text: str, more: str) -> str:
    """Let the verdict line of a testbench be led by a marker, in VerilogEval's form whichever its own is.

    A testbench that only says whether a design passed counts the time units until it says so, in place of samples.
    `more` is an expression for what counts as mismatches besides.
    """
    if _VERDICT in text:
        text = _COUNT_MISMATCH.sub("begin stats1.errors++; $finish; end", text)
        return text.replace(_VERDICT, f'"{_MARKER}Mismatches: ')
    if _DONE not in text:
        raise UnusableTestbenchError(f'its tests print neither "Mismatches: E in N samples" nor "{_DONE}"')
    return _OPEN_PRINT.sub(
        lambda found: (
            f'$display("{_MARKER}Mismatches: %0d in %0d samples", {int(_DONE not in found[1])} + {more}, $time);'
        ),
        text,
    )


def _renamed(text: str, names: dict[str, str]) -> str:
    """Replace identifiers, but not the port names of named connections: `.clk(...)`."""
    parts = []
    before = last = ""  # the last two tokens that are neither space nor comment
    for token in _TOKEN.finditer(text):
        is_port = last == "." and before in ("(", ",")
        rename = token.lastgroup == "word" and token[0] in names and not is_port
        parts.append(names[token[0]] if rename else token[0])
        if token.lastgroup not in ("space", "comment"):
            before, last = last, token[0]
    return "".join(parts)
