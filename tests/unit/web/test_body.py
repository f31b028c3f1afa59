"""Reading and parsing a body, apart from any route."""

from __future__ import annotations

import pytest
from starlette.requests import ClientDisconnect

from segops_common.core.problems import MalformedRequest, PayloadTooLarge
from segops_common.web.request.body import DISCARDED_BYTES, MAX_WIRE_BYTES, parse_json, read_body
from tests.unit.web.wire import Wire


async def test_chunks_are_joined() -> None:
    assert await read_body(Wire(iter([b"a", b"b"])).request()) == b"ab"


async def test_an_endless_body_is_given_up_after_a_bounded_number_of_bytes() -> None:
    wire = Wire(iter(lambda: bytes(65536), None))
    with pytest.raises(PayloadTooLarge):
        await read_body(wire.request())
    assert wire.taken == (MAX_WIRE_BYTES + DISCARDED_BYTES) // 65536 + 2


@pytest.mark.parametrize("headers", [{}, {"content-length": "9" * 5000}], ids=["counted", "declared"])
async def test_a_body_that_is_too_large_is_read_to_its_end_before_the_refusal(headers: dict[str, str]) -> None:
    chunks = 2 * MAX_WIRE_BYTES // 65536
    wire = Wire(bytes(65536) for _ in range(chunks))
    with pytest.raises(PayloadTooLarge):
        await read_body(wire.request(**headers))
    assert wire.taken == chunks + 1


async def test_a_client_that_waits_for_100_continue_is_refused_unread() -> None:
    wire = Wire(iter([b"a"]))
    with pytest.raises(PayloadTooLarge):
        await read_body(wire.request(**{"content-length": "9" * 5000, "expect": "100-continue"}))
    assert wire.taken == 0


async def test_a_client_that_leaves_gets_no_response() -> None:
    with pytest.raises(ClientDisconnect):
        await read_body(Wire(iter([b"a"]), ends=False).request())


@pytest.mark.parametrize("body", [b"[" * 25 + b'"' + b'\\"' * 350_000, b'{"a":' * 25 + b'"\\ud800' * 100_000])
@pytest.mark.timeout(5)
def test_no_body_costs_more_than_its_length(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        parse_json(body)
