"""Reading and parsing a body, apart from any route."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request

from segops_common.kit.errors import MalformedRequest, PayloadTooLarge
from segops_common.web.body import MAX_WIRE_BYTES, parse_json, read_body


class Wire:
    """A client that sends these chunks, and counts how many were taken."""

    def __init__(self, chunks: Iterator[bytes], *, ends: bool = True) -> None:
        self._chunks = chunks
        self._ends = ends
        self.taken = 0

    async def receive(self) -> dict[str, Any]:
        chunk = next(self._chunks, None)
        if chunk is None and not self._ends:
            return {"type": "http.disconnect"}
        self.taken += 1
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    def request(self, **headers: str) -> Request:
        raw = [(name.encode(), value.encode()) for name, value in headers.items()]
        return Request({"type": "http", "method": "POST", "path": "/", "headers": raw}, self.receive)


async def test_chunks_are_joined() -> None:
    assert await read_body(Wire(iter([b"a", b"b"])).request()) == b"ab"


async def test_an_endless_body_is_given_up_at_the_limit() -> None:
    wire = Wire(iter(lambda: bytes(65536), None))
    with pytest.raises(PayloadTooLarge):
        await read_body(wire.request())
    assert wire.taken == MAX_WIRE_BYTES // 65536 + 1


async def test_a_declared_length_over_the_limit_is_refused_unread() -> None:
    wire = Wire(iter([b"a"]))
    with pytest.raises(PayloadTooLarge):
        await read_body(wire.request(**{"content-length": "9" * 5000}))
    assert wire.taken == 0


async def test_a_client_that_leaves_is_told_nothing() -> None:
    with pytest.raises(ClientDisconnect):
        await read_body(Wire(iter([b"a"]), ends=False).request())


@pytest.mark.parametrize("body", [b"[" * 25 + b'"' + b'\\"' * 350_000, b'{"a":' * 25 + b'"\\ud800' * 100_000])
@pytest.mark.timeout(5)
def test_no_body_costs_more_than_its_length(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_json(body)
