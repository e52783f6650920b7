"""Which programs need not be run a second time by upstream's rule."""

import pytest

from ibft.execution.python.source import defines_what_is_used, is_pure

QUOTES = '"""'


@pytest.mark.parametrize(
    "program",
    [
        "def f(x):\n    return x + 1\n",
        'def f(x):\n    """Check the input; open, hash and format it."""\n    return x\n',
        "def f(x):\n    '''The input's id'''\n    return x  # eval would do as well\n",
        "import math\nfrom collections import Counter\n\ndef f(x):\n    return Counter(x)\n",
        'def f(x):\n    """Import this."""\n    return x\n',
    ],
)
def test_words_of_comments_and_docstrings_tell_a_program_nothing(program: str) -> None:
    assert is_pure(program)


@pytest.mark.parametrize(
    "program",
    [
        "def f(x):\n    return input()\n",
        "def f(x):\n    return eval('x')\n",
        "# a comment\rdef f(x):\r    return input()\r",
        'def f(x):\n    return f"""{input()}"""\n',
        'def f(x):\n    return f\'{"""x"""}\' or input() or \'"""\'\n',
        f"def f(x):\n    return '#', {QUOTES}#{QUOTES}, input()\n",
        f"def f(x):\n    return '{QUOTES}', input(), '{QUOTES}'\n",
        f"def f(x):\n    return rb{QUOTES}input{QUOTES}\n",
        f"def f(x):\n    {QUOTES}\\{QUOTES}{QUOTES}\n    return input()  # {QUOTES}\n",
        'def f(x):\n    """__globals__"""\n    return x\n',
        "import os\n",
        'def f(x):\n    """Adds."""\n    return __import__("os")\n',
        "def f(x):\n    ｉｎｐｕｔ()\n",
    ],
)
def test_whatever_else_could_look_around_is_found(program: str) -> None:
    assert not is_pure(program)


@pytest.mark.parametrize(
    ("tests", "uses"),
    [
        ("def check(f): assert f(helper)\n", True),
        ("def check(f): assert f('helper')\n", True),
        ("# helper\ndef check(f): pass  # or helper\n", False),
        ('def check(f): assert f("# no comment"), helper\n', True),
        ("def check(f): exec('''helper''')\n", True),
        ("def check(f): pass # helper\rhelper\n", True),
    ],
)
def test_a_comment_uses_no_name(tests: str, uses: bool) -> None:
    assert defines_what_is_used("def helper(): pass\n", tests) is uses
