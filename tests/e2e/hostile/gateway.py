"""Bytes that the gateway must refuse by itself, or pass on without harm."""

from __future__ import annotations

from typing import Final

from tests.e2e.hostile.wire import HostileRequest, on_the_wire

_HOST: Final = b"Host: a\r\nConnection: close\r\n"
_POST: Final = b"POST /api/ingestion/track/ HTTP/1.1\r\n" + _HOST

_TARGETS: Final = (
    *(" /", "/ x"),
    *(
        "/",
        "//",
        "/api",
        "/api/",
        "/api//segments/",
        "/api/segments//",
        "/api/./segments/",
        "/api/../etc/passwd",
        "/%2e%2e/",
    ),
    *(
        "/api/segments/%00",
        "/api/segments/%ff/",
        "/api/segments/%",
        "/api/segments/%zz/",
        "/api\\segments\\",
        "/api%5csegments",
    ),
    *(
        "/api%2fsegments/",
        "/%61pi/segments/;x=1",
        "/api/segments/..;/",
        "/api/auth/%2e%2e/internal/",
        "/internal/",
        "/metrics",
    ),
    *(
        "/.problem/500",
        "/.problem/",
        "/.env",
        "/.git/config",
        "/redoc",
        "/openapi.json",
        "/api/auth/openapi.json",
    ),
    *(
        "/healthz",
        "/livez",
        "/api/auth/health/",
        "/server-status",
        "/cgi-bin/sh",
        "/api/unknown/",
        "/API/SEGMENTS/",
        "*",
    ),
    *(
        "/" + "a" * 7000,
        "/" + "a/" * 3000,
        "/api/segments/?" + "a" * 7000,
        "/?" + "&" * 5000,
        "/api/segments/#x",
        "/\u00ff",
    ),
    *(
        "http://evil.example/api/segments/",
        "ftp://a/",
        "evil.example:443",
        "/api/auth/.well-known/",
        "/api/auth/.well-known/x",
    ),
    *(
        "/" + "a" * 70_000,
        "/api/segments/?x=" + "a" * 70_000,
        "/api/ingestion/",
        "/api/ingestion/track/track/",
        "/api/segments/-/",
    ),
)

_RAW: Final = (
    b"GARBAGE\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50 + b"\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET / HTTP/3.0\r\n" + _HOST + b"\r\n",
    b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a\r\n" + _HOST + b"\r\n",
    b"GET / HTTP/1.1\r\nHost: \r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: a b/\\@\r\nConnection: close\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + _HOST + b"No colon\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + _HOST + b"A B: c\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + _HOST + b"A: b\r\n folded\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + _HOST + b"A: \x00\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + _HOST + b": empty\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + _HOST + b"A: " + b"a" * 70_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\n" + _HOST + b"A: b\r\n" * 2000 + b"\r\n",
    b"\xff\xfe / HTTP/1.1\r\n" + _HOST + b"\r\n",
    b"CONNECT 127.0.0.1:5432 HTTP/1.1\r\n" + _HOST + b"\r\n",
    _POST + b"Content-Length: -1\r\n\r\n",
    _POST + b"Content-Length: 99999999999999999999\r\n\r\n",
    _POST + b"Content-Length: 5, 5\r\n\r\n{}   ",
    _POST + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ",
    _POST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    _POST + b"Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    _POST + b"Transfer-Encoding: identity\r\n\r\n{}",
    _POST + b"Transfer-Encoding: \x0bchunked\r\n\r\n0\r\n\r\n",
    _POST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\n{}\r\n0\r\n\r\n",
    _POST + b"Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\n{}\r\n0\r\n\r\n",
    _POST + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n0\r\n\r\n",
    _POST + b"Transfer-Encoding: chunked\r\n\r\n2;" + b"a" * 9000 + b"\r\n{}\r\n0\r\n\r\n",
    _POST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nAuthorization: ApiKey x\r\n\r\n",
    _POST + b"Content-Length: 999999999\r\nExpect: 100-continue\r\n\r\n",
)


def requests_to_the_gateway() -> list[HostileRequest]:
    """Return all of them."""
    targets = [
        HostileRequest(f"{method} {target[:40]}", "gateway", on_the_wire(method, target))
        for target in _TARGETS
        for method in ("GET", "POST")
    ]
    return targets + [HostileRequest(repr(raw[:90]), "gateway", raw, must_refuse=True) for raw in _RAW]
