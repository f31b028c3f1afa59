"""Reading and parsing a body, apart from any route."""

from __future__ import annotations

import pytest
from starlette.requests import ClientDisconnect

from segops_common.core.problems import MalformedRequest, PayloadTooLarge
from segops_common.web.request.body import MAX_WIRE_BYTES, parse_json, read_body
from tests.unit.web.wire import Wire


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


async def test_a_client_that_leaves_gets_no_response() -> None:
    with pytest.raises(ClientDisconnect):
        await read_body(Wire(iter([b"a"]), ends=False).request())


@pytest.mark.parametrize("body", [b"[" * 25 + b'"' + b'\\"' * 350_000, b'{"a":' * 25 + b'"\\ud800' * 100_000])
@pytest.mark.timeout(5)
def test_no_body_costs_more_than_its_length(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_json(body)
