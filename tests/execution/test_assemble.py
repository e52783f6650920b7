"""What is run for what a model wrote: one header, no packing, nothing repaired."""

import pytest

from ibft.execution.assemble import assemble

HEADER = "module top_module(\n\tinput a,\n\toutput q);\n"
BODY = "\tassign q = a;\nendmodule\n"
MODULE = HEADER + BODY
HELPER = "module helper(input a, output q); assign q = a; endmodule\n"


def verilog(completion: str) -> str:
    return assemble("verilog", HEADER, "top_module", completion)


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        (BODY, f"{HEADER}\n{BODY}"),
        (MODULE, MODULE),
        (f"```verilog\n{MODULE}```\n", MODULE),
        (f"Here is the module:\n```verilog\n{MODULE}```\nIt copies a.\n", MODULE),
        (f"```verilog\n{HELPER}```\nand\n```verilog\n{MODULE}```", MODULE),
        (f"```\n{BODY}```", f"{HEADER}\n{BODY}"),
        (f"{BODY}```\nThis assigns a to q.", f"{HEADER}\n{BODY}"),
        (f"{MODULE}```\nDone.", MODULE),
        (f"```systemverilog\n{MODULE}", MODULE),
        (BODY + HELPER, f"{HEADER}\n{BODY}{HELPER}"),
        (HELPER + MODULE, HELPER + MODULE),
        (f"// module top_module copies\n{BODY}", f"{HEADER}\n// module top_module copies\n{BODY}"),
        ("module other(input a); endmodule", "module other(input a); endmodule"),
        ("`timescale 1ns/1ps\n" + MODULE, "`timescale 1ns/1ps\n" + MODULE),
        ("", f"{HEADER}\n"),
    ],
)
def test_verilog_is_unpacked_and_gets_at_most_one_header(completion: str, program: str) -> None:
    assert verilog(completion) == program


PROMPT = 'import math\n\ndef helper(x):\n    return x\n\ndef half(x):\n    """Half of x."""\n'
TOP = "import math\n\ndef helper(x):\n    return x\n\n"
PY_BODY = "    return x / 2\n"
PY_MODULE = "def half(x):\n    return x / 2\n"

MARGIN = (
    'def half(x):\n    """\nReturn half of the number x.\nimport nothing\ndef half(x): ...\n"""\n    return x / 2\n'
)
FENCED_DOC = 'def half(x):\n    """Half.\n\n```python\nhalf(2)\n    ```\n    """\n    return x / 2\n'
FENCED_BODY = "    '''\n    ```\n    half(2)\n    '''\n    return x / 2\n"


def python(completion: str) -> str:
    return assemble("python", PROMPT, "half", completion)


@pytest.mark.parametrize(
    ("completion", "program"),
    [
        (PY_BODY, PROMPT + PY_BODY),
        (PY_MODULE, TOP + PY_MODULE),
        (f"```python\n{PY_MODULE}```", TOP + PY_MODULE),
        (f"Sure, here is it:\n\n```python\n{PY_MODULE}```\nIt halves x.", TOP + PY_MODULE),
        (f"Here is the function you want:\n\n{PY_MODULE}", TOP + PY_MODULE),
        (f"{PY_MODULE}\nThis function divides x by two.\n", f"{TOP}{PY_MODULE}\n"),
        (f"{PY_BODY}```\nThis works because of division.", PROMPT + PY_BODY),
        (f"from fractions import Fraction\n\n{PY_MODULE}", f"{TOP}from fractions import Fraction\n\n{PY_MODULE}"),
        (f"from __future__ import annotations\n{PY_MODULE}", f"from __future__ import annotations\n{PY_MODULE}"),
        (
            "    def half(x):\n        return x\n    return half(x)\n",
            PROMPT + "    def half(x):\n        return x\n    return half(x)\n",
        ),
        ("return x / 2", PROMPT + "return x / 2"),
        ("", PROMPT),
        (MARGIN, TOP + MARGIN),
        (f"{MARGIN}\nThis is the end of it.\n", f"{TOP}{MARGIN}\n"),
        (FENCED_DOC, TOP + FENCED_DOC),
        (f"```python\n{FENCED_DOC}```\nThis is the end of it.", TOP + FENCED_DOC),
        (f"Here is it:\n```\n{FENCED_DOC}```\nand\n```\nhalf(4)\n```\n", TOP + FENCED_DOC),
        (FENCED_BODY, PROMPT + FENCED_BODY),
        (f"{FENCED_BODY}```\nThis is the end of it.", PROMPT + FENCED_BODY),
        ("    return '```'\n```\nDone.", PROMPT + "    return '```'\n"),
        (f"It's \"easy\":\n```\n{PY_MODULE}```\nIsn't it?", TOP + PY_MODULE),
        (f"\ufeff{PY_MODULE}", TOP + PY_MODULE),
        (f'    """Unended\n{PY_BODY}```\nThis is it.', f'{PROMPT}    """Unended\n{PY_BODY}'),
        (PY_MODULE.replace("\n", "\r\n"), TOP + PY_MODULE.replace("\n", "\r\n")),
    ],
)
def test_python_is_unpacked_and_gets_at_most_one_header(completion: str, program: str) -> None:
    assert python(completion) == program


@pytest.mark.parametrize("completion", ["```", "``````", "```\n```\n```", "text ``` text", "```python"])
def test_broken_fences_are_survived(completion: str) -> None:
    assert python(completion).startswith(PROMPT)
    assert verilog(completion).startswith(HEADER)
