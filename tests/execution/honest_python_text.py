"""Right completions for `total` with text that harnesses stumble over: layout, prose, fences. Name -> completion."""

TOTAL = {
    "body": "    return sum(values) + extra\n",
    "body_after_blank_lines": "\n\n    return sum(values) + extra\n",
    "body_without_line_end": "    return sum(values) + extra",
    "body_with_second_docstring": '    """Adds."""\n    return sum(values) + extra\n',
    "body_with_trailing_blanks": "    return sum(values) + extra    \n\n\n   \n",
    "body_indented_by_two": """
    result = sum(values)
    return result + extra
""",
    "body_then_helper": """
    return helper(values) + extra

def helper(values):
    return sum(values)
""",
    "body_then_main": """
    return sum(values) + extra

if __name__ == '__main__':
    import sys
    print(total([1], 2))
    sys.exit(0)
""",
    "body_then_own_tests": """
    return sum(values) + extra

assert total([1], 2) == 3
print(total([1, 2], 3))
""",
    "body_with_fence_at_the_end": "    return sum(values) + extra\n```\nIt adds them.\n",
    "module": """
def total(values, extra):
    return sum(values) + extra
""",
    "carriage_returns": "def total(values, extra):\r\n    # adds\r\n    return sum(values) + extra\r\n",
    "body_with_carriage_returns": "    s = sum(values)\r\n    return s + extra\r\n",
    "tabs": "def total(values, extra):\n\ts = extra\n\tfor v in values:\n\t\ts += v\n\treturn s\n",
    "byte_order_mark": "\ufeffdef total(values, extra):\n    return sum(values) + extra\n",
    "form_feed": "import math\n\x0c\ndef total(values, extra):\n    return sum(values) + extra\n",
    "semicolons": "def total(values, extra): s = sum(values); s += extra; return s\n",
    "one_line": "def total(values, extra): return sum(values) + extra",
    "assigned_lambda_inside": """
    add = lambda a, b: a + b
    return add(sum(values), extra)
""",
    "backslashes": "    return sum(values) \\\n        + \\\n        extra\n",
    "fenced": "```python\ndef total(values, extra):\n    return sum(values) + extra\n```\n",
    "fenced_with_prose": (
        "Here is the function you asked for:\n\n```python\ndef total(values, extra):\n"
        "    return sum(values) + extra\n```\n\nIt's simple: it adds the sum of the values to the extra one.\n"
    ),
    "fenced_with_carriage_returns": (
        "Sure!\r\n```python\r\ndef total(values, extra):\r\n    return sum(values) + extra\r\n```\r\n"
    ),
    "fenced_without_language": "```\ndef total(values, extra):\n    return sum(values) + extra\n```",
    "fenced_as_py3": "```py3\ndef total(values, extra):\n    return sum(values) + extra\n```",
    "fenced_without_end": "```python\ndef total(values, extra):\n    return sum(values) + extra\n",
    "fenced_twice": (
        "First the idea:\n```python\nsum([1, 2])\n```\nThen all of it:\n```python\ndef total(values, extra):\n"
        "    return sum(values) + extra\n```\n"
    ),
    "fenced_with_usage": (
        "```python\ndef total(values, extra):\n    return sum(values) + extra\n```\nUse it like this:\n```python\n"
        "print(total([1], 2))\n```\n"
    ),
    "prose_before": """
Here is the solution to it:

def total(values, extra):
    return sum(values) + extra
""",
    "prose_after": """
def total(values, extra):
    return sum(values) + extra

This function adds them all up.
""",
    "prose_with_quotes_before": """
It's "easy" to do so:

def total(values, extra):
    return sum(values) + extra
""",
    "docstring_at_the_left_margin": (
        'def total(values, extra):\n    """\nReturn the sum of values and extra.\n\n'
        'This is a sentence at the margin.\n    """\n    return sum(values) + extra\n'
    ),
    "docstring_with_code_at_the_margin": """
def total(values, extra):
    '''Use it so:
import total
def total(values): pass
'''
    return sum(values) + extra
""",
    "module_docstring_in_prose": (
        '"""This module adds numbers.\n\nIt adds all of them.\n"""\n\ndef total(values, extra):\n'
        "    return sum(values) + extra\n"
    ),
    "fence_in_docstring": (
        'def total(values, extra):\n    """Sum.\n\n    ```\n    total([1], 2)\n    ```\n    """\n'
        "    return sum(values) + extra\n"
    ),
    "one_fence_in_docstring": (
        'def total(values, extra):\n    """Sum.\n\n```python\n    total([1], 2)\n    """\n'
        "    return sum(values) + extra\n"
    ),
    "fence_in_docstring_in_fence": (
        '```python\ndef total(values, extra):\n    """Sum.\n\n    ```\n    total([1], 2)\n    ```\n    """\n'
        "    return sum(values) + extra\n```\nDone.\n"
    ),
    "fence_in_body_docstring": (
        '    """\n    ```\n    total([1], 2)\n    ```\n    """\n    return sum(values) + extra\n'
    ),
    "fence_in_string": "FENCE = '''\n```\n'''\ndef total(values, extra):\n    return sum(values) + extra\n",
    "fence_in_short_string": "    fence = '```'\n    return sum(values) + extra + fence.count('x')\n```\nThat is all.",
    "fence_in_comment": "    # ```\n    return sum(values) + extra  # like ```sum```\n",
    "apostrophe_in_comment": """
    # it's the sum, don't worry
    return sum(values) + extra
""",
    "long_string_that_is_no_docstring": (
        'HELP = """\nThis text is at the margin.\nAnd so is this one.\n"""\n\ndef total(values, extra):\n'
        '    return sum(values) + extra\n\nMORE = """\nEven more text is at the margin.\n"""\n\ndef total2(values):\n'
        "    return total(values, 0)\n"
    ),
    "raw_and_byte_strings": (
        'PATTERN = r"""\\d+\n```\n\\""""\nRAW = rb"\\x00"\n\ndef total(values, extra):\n'
        "    return sum(values) + extra\n"
    ),
}
