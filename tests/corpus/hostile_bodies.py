"""Bodies that are made to break a server, for unit, integration and end-to-end tests."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Mapping
from typing import Final, NamedTuple

from backports import zstd

MiB: Final = 1 << 20
JSON: Final = {"Content-Type": "application/json"}


class HostileBody(NamedTuple):
    """A body, the headers that describe it, and the status that refuses it."""

    body: bytes
    headers: dict[str, str]
    status: int


MALFORMED: Final = {
    "U1 empty": b"",
    "U2 trailing": b'{"name":"a"}}',
    "U2 comment": b'{"name":"a"} // x',
    "U2 single quotes": b"{'name':'a'}",
    "U2 byte order mark": b'\xef\xbb\xbf{"name":"a"}',
    "U2 UTF-16": '{"name":"a"}'.encode("utf-16"),
    "U3 NaN": b'{"name":NaN}',
    "U3 Infinity": b'{"name":Infinity}',
    "U3 too large a double": b'{"name":1e400}',
    "U3 400 digits": b'{"name":' + b"1" * 400 + b"}",
    "U4 invalid UTF-8": b'{"name":"\xff"}',
    "U4 overlong UTF-8": b'{"name":"\xc0\xaf"}',
    "U4 raw NUL": b'{"name":"\x00"}',
    "U5 lone surrogate": b'{"name":"\\ud83d"}',
}
"""Each is refused with 400 malformed-json. The ingestion API repairs the lone surrogate instead."""

DEEP: Final = {
    "10,000 open": b"[" * 10_000,
    "10,000 closed": b"[" * 10_000 + b"]" * 10_000,
    "1 MB": b"[" * MiB,
    "25 levels": b'{"name":' + b"[" * 24 + b"]" * 24 + b"}",
    "objects": b'{"a":' * 25 + b"1" + b"}" * 25,
    "wide and deep": b'{"name":"a","parts":[' + b"[]," * 20 + b"[" * 23 + b"]" * 23 + b"]}",
}
"""Each is refused with 400 too-deep."""

BOMB: Final = gzip.compress(bytes(64 * MiB), mtime=0)

ENCODED: Final = [
    ("gzip", BOMB, 413, "payload-too-large"),
    ("zstd", zstd.compress(bytes(64 * MiB)), 413, "payload-too-large"),
    ("gzip", gzip.compress(bytes(5 * MiB), mtime=0), 413, "payload-too-large"),
    ("gzip", b"garbage", 400, "malformed-encoding"),
    ("gzip", gzip.compress(b'{"name":"a"}', mtime=0)[:-4], 400, "malformed-encoding"),
    ("gzip", gzip.compress(b'{"name":"a"}', mtime=0) + b"more", 400, "malformed-encoding"),
    ("zstd", b"garbage", 400, "malformed-encoding"),
    ("zstd", zstd.compress(b'{"name":"a"}')[:-4], 400, "malformed-encoding"),
    ("br", b"x", 415, "unsupported-encoding"),
    ("gzip, gzip", BOMB, 415, "unsupported-encoding"),
    ("deflate", zlib.compress(b"{}"), 415, "unsupported-encoding"),
]
"""`Content-Encoding`, body, and the status and slug of the refusal."""

MEDIA: Final = ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json", "")
"""Values of `Content-Type` for which JSON is refused with 415; the last stands for no header."""

INVALID: Final = {
    "escaped NUL": b'{"email":"a\\u0000@example.com"}',
    "list": b"[]",
    "null": b"null",
    "text value": b'"x"',
    "wrong types": b'{"email":true,"password":[],"tenant":"1","name":{},"refresh_token":1,"token":null}',
    "unknown fields": b'{"is_admin":true,"__proto__":{}}',
    "huge integers": b'{"tenant":9223372036854775808,"overlap_seconds":-9223372036854775809}',
    "500 unknown fields": b"{" + b",".join(b'"f%d":1' % number for number in range(500)) + b"}",
}
"""Each is JSON that no route accepts: 422."""

BODIES: Final[Mapping[str, HostileBody]] = {
    **{name: HostileBody(body, JSON, 400) for name, body in MALFORMED.items()},
    "deep": HostileBody(DEEP["10,000 open"], JSON, 400),
    **{name: HostileBody(body, JSON, 422) for name, body in INVALID.items()},
    "large": HostileBody(b'{"a":"' + b"x" * (2 * MiB) + b'"}', JSON, 413),
    "bomb": HostileBody(BOMB, JSON | {"Content-Encoding": "gzip"}, 413),
    "no gzip": HostileBody(b"x", JSON | {"Content-Encoding": "gzip"}, 400),
    "brotli": HostileBody(b"x", JSON | {"Content-Encoding": "br"}, 415),
    "text": HostileBody(b"{}", {"Content-Type": "text/plain"}, 415),
    "form": HostileBody(b"a=1", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
    "no type": HostileBody(b"{}", {}, 415),
}
"""Bodies for any route that takes JSON only."""
