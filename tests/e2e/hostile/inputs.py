"""Hostile values: credentials, ids, queries, headers, field values, definitions and lists."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any, Final

from tests.e2e.definitions import CONDITIONS, REFUSED

Json = dict[str, Any]
BIG: Final = 2**63

IDS: Final = (
    *("0", "-1", str(BIG), "1e3", "42;drop", "x", "%00", "%ff", "%C0%AF", "1%2f2", "..%2f1", "%2e%2e", "%5c", "1.0"),
    *("9" * 400, "+1", "0x1", "%F0%9F%92%A9", "'%20OR%201=1--", "00000000-0000-0000-0000-000000000000", "a" * 3000),
)
"""Parts of a path where an id belongs."""

QUERY_VALUES: Final = (
    *("", "0", "-1", "1e9", str(BIG), "9" * 400, "x", "%00", "%ff%fe", "%ED%A0%80", "%", "%zz", "a" * 600, "null"),
    *(
        "e30",
        "e30=",
        "eyJpZCI6MX0",
        "AAAA",
        "..%2f..%2fetc%2fpasswd",
        "'%3BDROP%20TABLE%20events--",
        "[]",
        "1&{name}=2",
    ),
    *("9999-12-31T23:59:59Z", "0001-01-01T00:00:00%2B23:59", "2026-02-30T00:00:00Z", "%F0%9F%92%A9", "true", "1,2"),
)
"""Values of a query parameter, also of cursors and instants."""

QUERIES: Final = (
    *(
        "is_admin=1",
        "__proto__[x]=1",
        "%00=1",
        "%ff=1",
        "=&=&&",
        "a[]=1&a[]=2",
        "&".join(f"p{n}=1" for n in range(200)),
    ),
    *("x=" + "a" * 7000, "%ED%A0%80=1", "<script>alert(1)</script>=1", "tenant=1&tenant=2", ";", "?", "limit"),
)
"""Whole queries, each with an unknown parameter or no parameter at all."""

METHODS: Final = (
    "TRACE",
    "PROPFIND",
    "OPTIONS",
    "HEAD",
    "get",
    "DELETE",
    "PUT",
    "GET",
    "POST",
    "PATCH",
    "CONNECT",
    "A" * 3000,
)

IDEMPOTENCY_KEYS: Final = ("", "a" * 256, "a" * 3000, "\x01", "caf\xe9", "\xff\xfe", "a\tb", "\x7f")
"""Each must be refused."""

HEADERS: Final[Mapping[str, tuple[tuple[str, str], ...]]] = {
    "9 kB": (("X-Long", "a" * 9000),),
    "100 headers": tuple((f"X-{number}", "1") for number in range(100)),
    "HTML wanted": (("Accept", "text/html"), ("Accept-Encoding", "br;q=9, *;q=x"), ("Accept-Language", "\xff")),
    "another method": (("X-HTTP-Method-Override", "DELETE"), ("X-Original-URL", "/internal/"), ("X-Rewrite-URL", "/")),
    "another client": (("X-Forwarded-For", "x, 1.2.3.4.5, ::::, \xff"), ("Forwarded", "for=;;"), ("X-Real-IP", "-1")),
    "another host": (("X-Forwarded-Host", "evil.example"), ("X-Forwarded-Proto", "javascript")),
    "request id": (("X-Request-Id", "<script>alert(1)</script>"), ("traceparent", "00-x-\xff-zz")),
    "ranges": (("Range", "bytes=0-18446744073709551616"), ("If-Range", "x"), ("If-None-Match", '"' * 99)),
    "If-Match": (("If-Match", '"\xff", *, W/"x'),),
    "If-Match number": (("If-Match", '"' + "9" * 400 + '"'),),
    "last event": (("Last-Event-ID", "9" * 400),),
    "last event text": (("Last-Event-ID", "\xff;drop"),),
    "origin": (("Origin", "null"), ("Access-Control-Request-Method", "\xff")),
    "upgrade": (("Upgrade", "websocket"), ("Sec-WebSocket-Key", "x"), ("Sec-WebSocket-Version", "13")),
    "cookies": (("Cookie", "a=\xff; " * 200),),
    "expect": (("Expect", "a miracle"),),
    "two lengths": (("Content-Length", "0"), ("Content-Length", "5")),
    "length": (("Content-Length", "-1"),),
    "length text": (("Content-Length", "1e3"),),
    "coding": (("Transfer-Encoding", "gzip"),),
    "length and coding": (("Content-Length", "3"), ("Transfer-Encoding", "chunked")),
    "charset": (("Content-Type", "application/json; charset=utf-7"),),
    "two types": (("Content-Type", "application/json"), ("Content-Type", "text/html")),
    "type": (("Content-Type", "\xff/" + "a" * 500),),
}


def bad_tokens(token: str, key: str) -> Mapping[str, tuple[str, ...]]:
    """Return values of `Authorization` that must be refused, made from a good token and a good key."""
    head, claims, signature = token.split(".")
    return {
        "none": (),
        "empty": ("",),
        "no scheme": (token,),
        "scheme only": ("Bearer",),
        "Basic": ("Basic " + base64.b64encode(b"admin:admin").decode(),),
        "Digest": ('Digest username="' + "a" * 4000 + '"',),
        "not a token": ("Bearer x.y.z",),
        "token as key": (f"ApiKey {token}",),
        "key as token": (f"Bearer {key}",),
        "changed key": (f"ApiKey {key[:-1]}{'0' if key[-1] != '0' else '1'}",),
        "unknown key": (f"ApiKey sk_live_{'0' * 49}",),
        "long key": ("ApiKey sk_live_" + "a" * 4000,),
        "bytes": ("ApiKey \xff\xfe\x80",),
        "changed claims": (f"Bearer {head}.{claims[:-2]}AA.{signature}",),
        "changed signature": (f"Bearer {head}.{claims}.{signature[::-1]}",),
        "unsigned": (f"Bearer {_part({'alg': 'none', 'typ': 'JWT'})}.{claims}.",),
        "HMAC": (f"Bearer {_part({'alg': 'HS256', 'typ': 'JWT'})}.{claims}.{signature}",),
        "path as key id": (f"Bearer {_part({'alg': 'RS256', 'kid': '../../etc/passwd'})}.{claims}.{signature}",),
        "foreign key": (f"Bearer {_part({'alg': 'RS256', 'jku': 'http://127.0.0.1:1/'})}.{claims}.{signature}",),
        "number as key id": (f"Bearer {_part({'alg': 'RS256', 'kid': 10**400})}.{claims}.{signature}",),
        "deep head": (f"Bearer {_encoded(b'[' * 3000)}.{claims}.{signature}",),
        "list as head": (f"Bearer {_encoded(b'[]')}.{claims}.{signature}",),
        "two": (f"Bearer {token}", f"ApiKey {key}"),
    }


def _part(fields: Json) -> str:
    return _encoded(str(fields).replace("'", '"').encode())


def _encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


VALUES: Final[tuple[str, ...]] = (
    *("null", "true", "0", "-1", "1.5", "-0.0", "1e308", "5e-324", "[]", "{}", '""', '" "', '"x"', "[null]", '{"":{}}'),
    *(str(BIG), str(-BIG - 1), str(2**64), "1" + "0" * 30, "9" * 4000, "-9223372036854775808", "1E+9999"),
    *('"' + "a" * 10_000 + '"', '"\\u0000"', '"\\ud800"', '"\\udc00\\ud800"', '"\\u202e\\ufeff\\uffff"', '"\\u0301"'),
    *('"\'); DROP TABLE events; --"', '"{x:String}"', '"`\\\\"', '"%s%n${7*7}{{7*7}}"', '"../../etc/passwd"'),
    *('"0001-01-01T00:00:00Z"', '"9999-12-31T23:59:60+23:59"', '"-1s"', '"99999999999999999999d"', '"constructor"'),
    *("[" * 20 + "]" * 20, "[" + "1," * 5000 + "1]", '{"a.b":1,"a":{"b":2}}', '{"a":1,"a":2}', '"\\r\\nX: y"'),
)
"""JSON texts for a field, some of them not valid."""


def _conditions(*conditions: Any, logic: Any = "AND") -> Json:
    return {"logic": logic, "conditions": list(conditions)}


def _count(**fields: Any) -> Json:
    return _conditions({"type": "event_count", "event_type": "purchase", "operator": "gte", "value": 1} | fields)


def _trait(operator: Any, value: Any, name: Any = "plan") -> Json:
    return _conditions({"type": "user_property", "property": name, "operator": operator, "value": value})


def _any(*values: Any) -> tuple[Any, ...]:
    return values


def _nested(depth: int) -> Json:
    inner = _count()
    for _ in range(depth):
        inner = _conditions(inner)
    return inner


_ONE: Final = _count()["conditions"][0]
DEFINITIONS: Final[tuple[Any, ...]] = (
    *REFUSED,
    *(
        _trait("matches", pattern)
        for pattern in ("(a+)+$", "((a{0,1000}){0,1000})", "a" * 300, "\\", "[", "(?<x>", "\\C")
    ),
    *(
        _trait("eq", value)
        for value in _any(BIG, -BIG - 1, 10**30, 10**4000, [], {}, None, "\u0000", "'); DROP--", "a" * 9999)
    ),
    *(_trait("gt", value) for value in ("5", True, 1e308, 2**70, "2026-13-01", "23:59:60")),
    *(_trait("in", value) for value in _any([], "x", ["a"] * 10_000, [[1]], [10**30], [None], [{}], list(range(2000)))),
    *(_trait("exists", None, name) for name in ("", ".", "a..b", "." * 500, "a." * 300, "`", "x'y\\", "{x:String}", 7)),
    *(_count(value=value) for value in (BIG, 10**30, -1, 1.5, "1", None, True)),
    *(
        _count(window=window)
        for window in ({"last": "0d"}, {"last": "9" * 30 + "d"}, {"last": "-1d"}, {}, {"from": "-0s"})
    ),
    *(
        _count(window={"from": a, "to": b})
        for a, b in (("now", "-1d"), ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"))
    ),
    *(_count(per=per) for per in _any("", "a..b", 1, [], "a" * 999)),
    *(_conditions({"type": "segment", "segment_id": number}) for number in (0, -1, BIG, 10**30, "1", 1.0, True)),
    *(
        _conditions({"type": "sample", "percent": number, "seed": "x"})
        for number in (0, -1, 1e-300, 100.1, "1", 10**30)
    ),
    _conditions({"type": "event_sequence", "steps": [{"event_type": "a"}] * 50, "within": "1h"}),
    _conditions({"type": "event_sequence", "steps": [{"event_type": "a"}] * 2, "within": "9" * 20 + "d"}),
    _conditions({"type": "event_regularity", "event_type": "a", "period": "1s", "of": 10**9, "at_least": 10**9}),
    _conditions({"type": "event_regularity", "event_type": "a", "period": "365d", "of": BIG, "at_least": 1}),
    _conditions(*[_ONE | {"event_type": f"event-{number}"} for number in range(200)], logic="OR"),
    _conditions(*[_ONE] * 1001),
    _conditions(*[{"type": kind, **fields} for kind, fields in CONDITIONS.items()]),
    _conditions("x", 1, None, []),
    _conditions(_ONE | {"__proto__": {}}, logic="and"),
    _conditions(_ONE, logic=["AND"]),
    {"logic": "AND", "conditions": [_ONE], "negate": "yes"},
    *(_nested(depth) for depth in (7, 8, 9, 16)),
)
"""Definitions at and beyond the limits."""

LISTS: Final[tuple[tuple[str, bytes], ...]] = (
    *(
        ("text/csv", body)
        for body in (
            *(b"", b"\n", b"user_id\n", b"id\n1\n", b"user_id,user_id\na,b\n", b"user_id\n\x00\n", b'user_id\n"open'),
            *(b"user_id\n\xff\xfe\n", "user_id\na\n".encode("utf-16"), b"\xef\xbb\xbfuser_id\na\n", b"user_id\ra\rb\r"),
            *(b"user_id\n" + b"a" * 10_000, b"a" * 3_000_000, b'user_id\na"b"c\n', b"user_id\n=cmd|' /C calc'!A0\n"),
            *(
                b"user_id\n\n\n \n",
                b"user_id\n" + b"," * 5000 + b"\n",
                b",".join([b"x"] * 5000) + b"\n",
                b"user_id\n,\n",
            ),
            *(b"{}\n", b"user_id;plan\na;b\n", b"user_id\n" + b'"' * 9999, b"USER_ID\na\n", b"user_id\n\xed\xa0\x80\n"),
        )
    ),
    *(
        ("application/x-ndjson", body)
        for body in (
            *(
                b"",
                b"\n\n",
                b"1\n",
                b"null\n",
                b"[]\n",
                b'"a\n',
                b'"a" "b"\n',
                b'{"user_id":1}\n',
                b"{}\n",
                b'"\\u0000"\n',
            ),
            *(
                b'"\\ud800"\n',
                b'"\xff"\n',
                b"NaN\n",
                b"[" * 10_000,
                b'{"user_id":"a","user_id":"b"}\n',
                b'""\n',
                b'" "\n',
            ),
            *(
                b'"' + b"a" * 10_000 + b'"\n',
                b"user_id\na\n",
                '"a"\n'.encode("utf-16"),
                b'"a"\n' * 500 + b"{",
                b"1e400\n",
            ),
            *(b'{"user_id":{"a":1}}\n', b'{"user_id":"a","x":' + b"[" * 500 + b"]" * 500 + b"}\n"),
        )
    ),
    *(
        (medium, b"x")
        for medium in ("application/xml", "text/csv; charset=utf-16", "text/csv; header=absent", "*/*", "csv")
    ),
)
"""Media types and bodies of uploads to a static list."""
