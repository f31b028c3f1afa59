"""What a sender reads about a body that is not JSON."""

from __future__ import annotations

import gzip
import zlib

import orjson
import pytest

from segops_common.core.json_text import explain_encoding, explain_malformed

OBJECT = '{"name":"Zoë"}'
SEEN = {
    "nothing": (b"", "it is empty"),
    "blank": (b" \n", "it is empty"),
    "byte order mark": (b"\xef\xbb\xbf{}", "byte order mark (EF BB BF): remove"),
    "UTF-16": (OBJECT.encode("utf-16"), "it is UTF-16: encode it as UTF-8"),
    "UTF-16, big end": (b"\xfe\xff" + OBJECT.encode("utf-16-be"), "it is UTF-16"),
    "UTF-16 without mark": (OBJECT.encode("utf-16-le"), "looks like UTF-16 or UTF-32"),
    "UTF-16, big end, without mark": (OBJECT.encode("utf-16-be"), "looks like UTF-16 or UTF-32"),
    "UTF-32": (OBJECT.encode("utf-32"), "it is UTF-32"),
    "UTF-32 without mark": (OBJECT.encode("utf-32-le"), "looks like UTF-16 or UTF-32"),
    "Latin-1": (OBJECT.encode("latin-1"), "byte 11 (0xEB) is not UTF-8, so it may be Latin-1 or Windows-1252"),
    "surrogate": (b'{"a":"\xed\xa0\xbd"}', "byte 6 begins a surrogate"),
    "gzip": (gzip.compress(b"{}", mtime=0), "looks like gzip: send it with `Content-Encoding: gzip`"),
    "zstd": (b"\x28\xb5\x2f\xfd\x00", "looks like zstd"),
    "zlib": (zlib.compress(b"{}"), "looks like zlib"),
    "zip": (b"PK\x03\x04", "ZIP file"),
    "1e400": (b'{"a":1e400}', "`1e400` is beyond the range of a double"),
    "-1e999": (b'{"a":[-1e999]}', "`-1e999` is beyond the range of a double"),
    "many digits": (b'{"a":' + b"1" * 400 + b"}", "a number is beyond the range of a double"),
    "NaN": (b'{"a":NaN}', "`NaN` is not JSON: send null"),
    "NaN after umlauts": ('{"äö":NaN}'.encode(), "(byte 8)"),
    "Infinity": (b'{"a":-Infinity}', "`Infinity` is not JSON"),
    "undefined": (b'{"a":undefined}', "`undefined` is not JSON"),
    "Python": (b'{"a":None}', "`None` is not JSON: write null"),
    "True": (b'{"a":True}', "lower case"),
    "single quotes": (b"{'a':1}", "double quotes"),
    "comment": (b"// x\n{}", "no comments"),
    "HTML": (b"<!doctype html>", "HTML or XML"),
    "form": (b"name=a&b=c", "looks like a form"),
    "half a character": (b'{"a":"\\ud83d"}', "one half of a character"),
    "cut off": (b'{"a":[1,2', "cut off"),
    "trailing": (b'{"a":1}}', "(byte 7)"),
}


@pytest.mark.parametrize(("text", "expected"), SEEN.values(), ids=SEEN.keys())
def test_what_was_sent_is_named(text: bytes, expected: str) -> None:
    with pytest.raises(orjson.JSONDecodeError) as refusal:
        orjson.loads(text)
    explained = explain_malformed(text, refusal.value.msg, refusal.value.pos)
    assert explained.startswith("The body must be valid JSON in UTF-8: ")
    assert expected in explained
    assert len(explained) < 300


def test_text_is_not_repeated() -> None:
    text = b'{"password":"hunter2" "x"}'
    with pytest.raises(orjson.JSONDecodeError) as refusal:
        orjson.loads(text)
    assert "hunter2" not in explain_malformed(text, refusal.value.msg, refusal.value.pos)


@pytest.mark.parametrize(
    ("wire", "expected"), [(b' {"a":1}', "leave the header out"), (b"\x1f\x8b\x08", "damaged or cut off")]
)
def test_a_body_that_does_not_match_its_encoding(wire: bytes, expected: str) -> None:
    assert expected in explain_encoding(wire, "gzip")
