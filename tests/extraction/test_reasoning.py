"""Execution gets the code of an answer that was thought about first, and nothing of the thought."""

import pytest

from ibft.extraction import extract
from ibft.extraction.fences import blocks
from ibft.extraction.thinking import without_thoughts
from tests.prompts.problems import MUX, TWICE

MODULE = MUX.prompt + "\tassign out = sel ? b : a;\nendmodule\n"
BLOCK = f"```verilog\n{MODULE}```"
WRONG = f"```verilog\n{MUX.prompt}\tassign out = a;\nendmodule\n```"


@pytest.mark.parametrize(
    "completion",
    [
        BLOCK,
        f"<think>\nPerhaps {WRONG}\n</think>\n\n{BLOCK}",
        f"Perhaps {WRONG}\n</think>\nIt selects.\n{BLOCK}",  # the template has opened the thought
        f"[THINK]{WRONG}[/THINK]{BLOCK}\nDone.",
        f"<thinking>{WRONG}</thinking>\n{BLOCK}\n<thinking>or {WRONG}",
        f"First:\n{WRONG}\nBetter:\n{BLOCK}\nA test:\n```verilog\nmodule tb;\nendmodule\n```",
        f"```verilog\n{MODULE}",  # cut off at the token limit
        MODULE,
    ],
)
def test_the_last_block_of_the_answer_that_declares_the_module_is_taken(completion):
    assert extract("reasoning", completion, MUX) == MODULE


def test_a_thought_that_does_not_end_leaves_no_answer():
    assert without_thoughts(f"<think>\nPerhaps {BLOCK}") == ""
    assert "assign" not in extract("reasoning", f"<think>\nPerhaps {BLOCK}", MUX)


def test_a_python_answer_is_its_program():
    completion = (
        "<think>`def twice` must double.</think>Here:\n\n"
        "```python\ndef twice(xs):\n    return [2 * x for x in xs]\n```\n\nRun it:\n\n```bash\npython twice.py\n```\n"
    )
    code = extract("reasoning", completion, TWICE)
    namespace: dict[str, object] = {}
    exec(code, namespace)
    assert namespace["twice"]([1, 2]) == [2, 4]


def test_a_block_ends_at_its_own_fence():
    code = 'def f():\n    """Show.\n\n    ```\n    f()\n    ```\n    """\n'
    text = f"a\n```python\n{code}```\nb\n  ```\n  x\n  ```\n```\nopen"
    assert list(blocks(text)) == [code, "  x\n", "open"]
