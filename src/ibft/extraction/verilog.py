"""Taking one Verilog module out of a completion: one header, one end, no testbench."""

import re

_CODE_BLOCK = re.compile(r"```(?:verilog|systemverilog)?[^\S\n]*\n(.*?)```", re.DOTALL)
_OPENING_FENCE, _CLOSING_FENCE = "```verilog\n", "\n```"
_HEADER = re.compile(r"module\s+\w+\s*\(")
_HEADER_END = ");\n\n"  # with a blank line
_MODULE_LINE = re.compile(r"^[^\S\n]*module\s+\w", re.MULTILINE)
_TAB = "    "


def whole_module(header: str, text: str, entry_point: str) -> str:
    """A module named `entry_point`: `text` itself if it declares one, else `header` continued by `text`.

    Whatever follows the last `endmodule` is cut, and a missing one is added.
    """
    code = text if declares_module(text, entry_point) else join_lines(header, text)
    before, end, _ = code.rpartition("endmodule")
    return f"{(before if end else code).strip()}\nendmodule\n"


def declares_module(text: str, name: str) -> bool:
    """Return true if some line of `text` begins the declaration of module `name`."""
    return re.search(rf"^[^\S\n]*module\s+{re.escape(name)}\b", text, re.MULTILINE) is not None


def join_lines(opening: str, text: str) -> str:
    """`opening` continued by `text`, with a line break between them whoever wrote it."""
    return opening.rstrip() + ("" if text.startswith("\n") else "\n") + text


def longest_block_or_modules(text: str) -> str:
    """VeriCoder's extraction: the longest fenced block, else the text's modules, else the text as it is.

    Testbenches are cut off, tabs become four spaces, a missing `endmodule` is added. Upstream keeps but the longest
    module of text without a fence; here all are kept, since a design may be made of several.
    """
    blocks = _CODE_BLOCK.findall(text) or _from_first_to_last_module(text)
    if not blocks:
        return text.strip()
    code = without_testbench(max(blocks, key=len).strip()).replace("\t", _TAB).strip()
    return code if "module" not in code or code.endswith("endmodule") else f"{code}\nendmodule"


def _from_first_to_last_module(text: str) -> list[str]:
    """From the first line that begins a module up to the last `endmodule`: one text, or none."""
    begin = _MODULE_LINE.search(text)
    before, end, _ = text[begin.end() :].rpartition("endmodule") if begin else ("", "", "")
    return [begin[0] + before + end] if begin and end else []


def without_testbench(code: str) -> str:
    """`code` up to the module that ends before the last `tb_module`, or else before the first `testbench`."""
    mark = code.rfind("tb_module")
    mark = code.find("testbench") if mark < 0 else mark
    before, end, _ = code[: max(mark, 0)].rpartition("endmodule")
    return before + end if end else code


def first_block_without_header(text: str) -> str:
    """OriGen's extraction: the first Verilog block or everything, less every header that a blank line follows."""
    _, fence, rest = text.partition(_OPENING_FENCE)
    block, closing, _ = rest.partition(_CLOSING_FENCE)
    return _without_headers(block if fence and closing else text)


def _without_headers(code: str) -> str:
    """`code` less what stands between the start of a header and the next end of one, both included."""
    kept, done = [], 0
    while header := _HEADER.search(code, done):
        end = code.find(_HEADER_END, header.end())
        if end < 0:
            break
        kept.append(code[done : header.start()])
        done = end + len(_HEADER_END)
    return "".join(kept) + code[done:]


def up_to_last_end(text: str) -> str:
    """RTLCoder's extraction: the first module of a run that does not stop, up to its last `endmodule`."""
    first = text.split("endmodulemodule", 1)[0] if "endmodulemodule" in text else text.rsplit("endmodule", 1)[0]
    return without_testbench(f"{first}\nendmodule")
