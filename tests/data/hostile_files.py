"""Files that strangers might give as fine-tuning data, problems or samples: name -> content and the sentence they get.

A good row has the columns `ask` and `say`. The sentence is a regular expression; None where the file is read.
"""

import datetime
import gzip
import io
import json
import zlib
from collections.abc import Callable
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

ROW = b'{"ask": "a", "say": "b"}\n'
DIGITS = b"9" * 5000


class HostileFile(NamedTuple):
    name: str
    content: bytes | Callable[[], bytes]
    sentence: str | None

    def bytes(self) -> bytes:
        return self.content if isinstance(self.content, bytes) else self.content()


def parquet(**columns: pa.Array) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream)
    return stream.getvalue()


def latin_1() -> bytes:
    """A text column whose second row is not UTF-8."""
    broken = pa.Array.from_buffers(
        pa.string(), 2, [None, pa.py_buffer(b"\0\0\0\0\1\0\0\0\2\0\0\0"), pa.py_buffer(b"a\xff")]
    )
    return parquet(ask=broken, say=pa.array(["b", "b"]))


def one_text_often() -> bytes:
    """2 GiB of text in a file of a few kilobytes."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 512, pa.int32()), pa.array(["x" * 2**22]))
    stream = io.BytesIO()
    pq.write_table(pa.table({"ask": text, "say": ["b"] * 512}), stream, store_schema=False, compression="zstd")
    return stream.getvalue()


def bomb(piece: bytes, megabytes: int) -> bytes:
    """A gzip file of so many megabytes of `piece` (of one), after a good row."""
    packer = zlib.compressobj(9, wbits=31)
    return b"".join([packer.compress(ROW), *(packer.compress(piece) for _ in range(megabytes)), packer.flush()])


def dates(*values: int, unit: str = "us") -> pa.Array:
    return pa.array(values, pa.int64()).cast(pa.timestamp(unit))


TODAY = datetime.date(2024, 1, 1)
TEXT = pa.array(["b"])
MEBIBYTE = 2**20

HOSTILE_FILES = {
    "empty": HostileFile("f.jsonl", b"", "holds no usable example"),
    "blank lines": HostileFile("f.jsonl", b"\n \n\t\n", "holds no usable example"),
    "no JSON": HostileFile("f.jsonl", ROW + b"ask, say\n", r"f\.jsonl:2: not JSON"),
    "half a row": HostileFile("f.jsonl", ROW + ROW[:12], r"f\.jsonl:2: not JSON"),
    "two rows on a line": HostileFile("f.jsonl", ROW.strip() + ROW, r"f\.jsonl:1: not JSON: Extra data"),
    "single quotes": HostileFile("f.jsonl", b"{'ask': 'a'}\n", r"f\.jsonl:1: not JSON"),
    "a number": HostileFile("f.jsonl", ROW + b"7\n", r"f\.jsonl:2: must be a JSON object, not int"),
    "null": HostileFile("f.jsonl", b"null\n", r"f\.jsonl:1: must be a JSON object, not NoneType"),
    "a list": HostileFile("f.jsonl", b"[1]\n", r"f\.jsonl:1: must be a JSON object, not list"),
    "a text": HostileFile("f.jsonl", b'"ask"\n', r"f\.jsonl:1: must be a JSON object, not str"),
    "NaN": HostileFile("f.jsonl", b"NaN\n", r"f\.jsonl:1: must be a JSON object, not float"),
    "NaN as text": HostileFile(
        "f.jsonl", b'{"ask": NaN, "say": "b"}\n', r"f\.jsonl:1: 'ask' must be a string, not float"
    ),
    "a nested text": HostileFile("f.jsonl", b'{"ask": ["a"], "say": "b"}\n', r"f\.jsonl:1: 'ask' must be .*not list"),
    "a column missing": HostileFile("f.jsonl", ROW + b'{"ask": "a"}\n', r"f\.jsonl:2: there is no column 'say'"),
    "no columns": HostileFile(
        "f.jsonl", b"{}\n", r"f\.jsonl:1: there is no column 'ask' and no 'say'; it has none: every row"
    ),
    "many columns": HostileFile(
        "f.jsonl",
        json.dumps({str(i): "x" for i in range(100_000)}).encode(),
        r"it has 0, 1, .{,100} and 99990 more: every row",
    ),
    "a long integer": HostileFile("f.jsonl", ROW + b'{"ask": %b}\n' % DIGITS, r"f\.jsonl:2: a number has more digits"),
    "a long integer aside": HostileFile(
        "f.jsonl", b'{"ask": "a", "say": "b", "x": -%b}\n' % DIGITS, r"f\.jsonl:1: a number has more digits"
    ),
    "deep lists": HostileFile("f.jsonl", ROW + b"[" * 200_000, r"f\.jsonl:2: .*nested too deeply"),
    "deep objects": HostileFile("f.jsonl", b'{"a":' * 100_000 + b"1", r"f\.jsonl:1: .*nested too deeply"),
    "a raw null character": HostileFile("f.jsonl", b'{"ask": "\0", "say": "b"}\n', r"f\.jsonl:1: not JSON: Invalid"),
    "a raw escape": HostileFile("f.jsonl", b'{"ask": "\x1b[2J", "say": "b"}\n', r"f\.jsonl:1: not JSON: Invalid"),
    "a spelled null character": HostileFile("f.jsonl", b'{"ask": "\\u0000", "say": "b"}\n', None),
    "half a surrogate pair": HostileFile("f.jsonl", b'{"ask": "\\ud800", "say": "b"}\n', None),
    "a byte order mark": HostileFile("f.jsonl", b"\xef\xbb\xbf" + ROW, None),
    "lines of Windows": HostileFile("f.jsonl", ROW.replace(b"\n", b"\r\n") * 2, None),
    "a second byte order mark": HostileFile("f.jsonl", ROW + b"\xef\xbb\xbf" + ROW, r"f\.jsonl:2: not JSON"),
    "Latin-1": HostileFile("f.jsonl", ROW + b'{"ask": "\xe9"}\n', r"f\.jsonl:2: not UTF-8"),
    "UTF-16": HostileFile("f.jsonl", ROW.decode().encode("utf-16"), r"f\.jsonl:1: not UTF-8"),
    "UTF-16 without mark": HostileFile("f.jsonl", ROW.decode().encode("utf-16-le"), r"f\.jsonl:1: not JSON"),
    "UTF-8 of half a surrogate pair": HostileFile("f.jsonl", b'{"ask": "\xed\xa0\x80"}\n', r"f\.jsonl:1: not UTF-8"),
    "bytes of any kind": HostileFile("f.jsonl", bytes(range(256)), r"f\.jsonl:2: not UTF-8|f\.jsonl:1: not"),
    "a long line": HostileFile(
        "f.jsonl", lambda: ROW + b'{"ask": "' + b"x" * (100 * MEBIBYTE), r"f\.jsonl:2: the line is longer than 64 MiB"
    ),
    "only zeros": HostileFile("f.jsonl", lambda: b"\0" * (65 * MEBIBYTE), r"f\.jsonl:1: the line is longer"),
    "no gzip": HostileFile("f.jsonl.gz", ROW, r"f\.jsonl\.gz is not a whole gzip file"),
    "half a gzip": HostileFile("f.jsonl.gz", gzip.compress(ROW * 9)[:-12], r"is not a whole gzip file"),
    "gzip without checksum": HostileFile("f.jsonl.gz", gzip.compress(ROW)[:-8], r"is not a whole gzip file"),
    "gzip altered": HostileFile("f.jsonl.gz", gzip.compress(ROW)[:10] + b"\xff" * 40, r"is not a whole gzip file"),
    "gzip with a tail": HostileFile("f.jsonl.gz", gzip.compress(ROW) + b"tail", r"is not a whole gzip file"),
    "empty gzip": HostileFile("f.jsonl.gz", b"", "holds no usable example"),
    "bad row in gzip": HostileFile("f.jsonl.gz", gzip.compress(ROW + b"x\n"), r"f\.jsonl\.gz:2: not JSON"),
    "gzip bomb of one line": HostileFile(
        "f.jsonl.gz", lambda: bomb(b"x" * MEBIBYTE, 80), r"f\.jsonl\.gz:2: the line is longer than 64 MiB"
    ),
    "gzip bomb of lines": HostileFile(
        "f.jsonl.gz", lambda: bomb(b" " * (MEBIBYTE - 1) + b"\n", 110), r"unpacks to more than 100 MiB"
    ),
    "gzip bomb of a list": HostileFile(
        "f.json.gz", lambda: bomb(b" " * MEBIBYTE, 110), r"f\.json\.gz:2: the line is longer than 100 MiB"
    ),
    "an object in place of a list": HostileFile("f.json", ROW, "must hold one list of objects, not dict"),
    "an unfinished list": HostileFile("f.json", b"[\n" + ROW, r"f\.json:\d: not JSON"),
    "a list of numbers": HostileFile("f.json", b'[{"ask": "a", "say": "b"}, 3]', r"f\.json: row 2: must be .*object"),
    "a deep list": HostileFile("f.json", b"[" * 200_000, "nested too deeply"),
    "Latin-1 in a list": HostileFile("f.json", b'[\n{"ask": "\xe9"}]', r"f\.json:2: not UTF-8"),
    "an unknown suffix": HostileFile("f.xlsx", b"ask,say\n", "the suffix '.xlsx' is unknown"),
    "a quote that never ends": HostileFile("f.csv", b'ask,say\n"a,b\n' + b"c,d\n" * 1000, r"f\.csv:1002: not CSV: .*"),
    "a null in CSV": HostileFile("f.csv", b"ask,say\na\0,b\n", None),
    "a row without cells": HostileFile("f.csv", b"ask,say\n\n\na,b\n", None),
    "no suffix": HostileFile("f", ROW, "the suffix '' is unknown"),
    "no Parquet": HostileFile("f.parquet", ROW, r"f\.parquet cannot be read as Parquet"),
    "an empty Parquet": HostileFile("f.parquet", b"", r"f\.parquet cannot be read as Parquet"),
    "half a Parquet": HostileFile("f.parquet", parquet(ask=TEXT, say=TEXT)[:-50], r"cannot be read as Parquet"),
    "a foot of a Parquet": HostileFile("f.parquet", b"PAR1" + b"\xff" * 60 + b"PAR1", r"cannot be read as Parquet"),
    "Parquet without rows": HostileFile(
        "f.parquet", parquet(ask=pa.array([], pa.string()), say=pa.array([], pa.string())), "holds no usable example"
    ),
    "Parquet without columns": HostileFile("f.parquet", parquet(), "holds no usable example"),
    "Parquet in Latin-1": HostileFile("f.parquet", latin_1, r"f\.parquet: row 2: 'ask' is not UTF-8"),
    "Parquet of dates": HostileFile(
        "f.parquet", parquet(ask=pa.array([TODAY]), say=TEXT), r"f\.parquet: row 1: 'ask' must be a string, not date"
    ),
    "Parquet of the year 300,000": HostileFile(
        "f.parquet", parquet(ask=TEXT, say=TEXT, x=dates(2**63 - 1)), r"f\.parquet: row 1: 'x' cannot be read"
    ),
    "Parquet of nanoseconds": HostileFile(
        "f.parquet", parquet(ask=dates(1, unit="ns"), say=TEXT), r"f\.parquet: row 1: 'ask' (cannot be read|must be)"
    ),
    "Parquet of lists": HostileFile("f.parquet", parquet(ask=pa.array([["a"]]), say=TEXT), r"'ask' must .*not list"),
    "Parquet of objects": HostileFile(
        "f.parquet", parquet(ask=pa.array([{"a": 1}]), say=TEXT), r"'ask' must .*not dict"
    ),
    "Parquet of bytes": HostileFile("f.parquet", parquet(ask=pa.array([b"a"]), say=TEXT), r"'ask' must .*not bytes"),
    "Parquet of numbers": HostileFile("f.parquet", parquet(ask=pa.array([1.5]), say=TEXT), r"'ask' must .*not float"),
    "Parquet bomb": HostileFile("f.parquet", one_text_often, r"f\.parquet: row \d+: .*more than 100 MiB of text"),
}

assert json.loads(ROW) == {"ask": "a", "say": "b"}
