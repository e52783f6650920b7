"""Taking one Verilog module out of a completion: one header, one end, no testbench."""

import re

_CODE_BLOCK = re.compile(r"```(?:verilog|systemverilog)?[^\S\n]*\n(.*?)```", re.DOTALL)
_FIRST_VERILOG_BLOCK = re.compile(r"```verilog\n(.*?)\n```", re.DOTALL)
_HEADER_AND_BLANK_LINE = re.compile(r"module\s+\w+\s*\(.*?\);\n\n", re.DOTALL)
_MODULES = re.compile(r"^[^\S\n]*module\s+\w.*endmodule", re.DOTALL | re.MULTILINE)
_TAB = "    "


def whole_module(header: str, text: str, entry_point: str) -> str:
    """A module named `entry_point`: `text` itself if it declares one, else `header` continued by `text`.

    Whatever follows the last `endmodule` is cut, and a missing one is added.
    """
    code = text if declares_module(text, entry_point) else join_lines(header, text)
    before, end, _ = code.rpartition("endmodule")
    return f"{(before if end else code).strip()}\nendmodule\n"


def declares_module(text: str, name: str) -> bool:
    """Whether some line of `text` begins the declaration of module `name`."""
    return re.search(rf"^\s*module\s+{re.escape(name)}\b", text, re.MULTILINE) is not None


def join_lines(opening: str, text: str) -> str:
    """`opening` continued by `text`, with a line break between them whoever wrote it."""
    return opening.rstrip() + ("" if text.startswith("\n") else "\n") + text


def longest_block_or_modules(text: str) -> str:
    """VeriCoder's extraction: the longest fenced block, else the text's modules, else the text as it is.

    Testbenches are cut off, tabs become four spaces, a missing `endmodule` is added. Upstream keeps but the longest
    module of text without a fence; here all are kept, since a design may be made of several.
    """
    blocks = _CODE_BLOCK.findall(text) or _MODULES.findall(text)
    if not blocks:
        return text.strip()
    code = without_testbench(max(blocks, key=len).strip()).replace("\t", _TAB).strip()
    return code if "module" not in code or code.endswith("endmodule") else f"{code}\nendmodule"


def without_testbench(code: str) -> str:
    """`code` up to the module that ends before the last `tb_module`, or else before the first `testbench`."""
    mark = code.rfind("tb_module")
    mark = code.find("testbench") if mark < 0 else mark
    before, end, _ = code[: max(mark, 0)].rpartition("endmodule")
    return before + end if end else code


def first_block_without_header(text: str) -> str:
    """OriGen's extraction: the first Verilog block or everything, less a header that a blank line follows."""
    block = _FIRST_VERILOG_BLOCK.search(text)
    return _HEADER_AND_BLANK_LINE.sub("", block.group(1) if block else text)


def up_to_last_end(text: str) -> str:
    """RTLCoder's extraction: the first module of a run that does not stop, up to its last `endmodule`."""
    first = text.split("endmodulemodule", 1)[0] if "endmodulemodule" in text else text.rsplit("endmodule", 1)[0]
    return without_testbench(f"{first}\nendmodule")
