"""Reading a body that is too large for memory."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from random import Random

import pytest
from starlette.requests import ClientDisconnect

from segops_common.core.problems import MalformedRequest, PayloadTooLarge, UnsupportedMedia
from segops_common.web.request.lines import MAX_STREAM_BYTES, stream_body
from tests.unit.web.wire import Wire

GZIP = {"content-encoding": "gzip"}
PIECE = 65536


async def read(wire: Wire, **headers: str) -> bytes:
    return b"".join([piece async for piece in stream_body(wire.request(**headers))])


def cut(body: bytes, size: int) -> Iterable[bytes]:
    return (body[i : i + size] for i in range(0, len(body), size))


@pytest.mark.parametrize("size", [1, 7, 10_000])
async def test_a_body_is_read_as_sent(size: int) -> None:
    first, second = Random(1).randbytes(5_000), b"a" * 5_000
    assert await read(Wire(iter(cut(first + second, size)))) == first + second
    packed = gzip.compress(first) + gzip.compress(second)
    assert await read(Wire(iter(cut(packed, size))), **GZIP) == first + second


async def test_pieces_stay_small_however_well_they_are_packed() -> None:
    packed = gzip.compress(bytes(8 << 20))
    pieces = [len(piece) async for piece in stream_body(Wire(iter([packed])).request(**GZIP))]
    assert sum(pieces) == 8 << 20
    assert max(pieces) <= PIECE


async def test_an_endless_body_is_given_up_at_the_limit() -> None:
    wire = Wire(iter(lambda: bytes(PIECE), None))
    with pytest.raises(PayloadTooLarge):
        await read(wire)
    assert wire.taken == MAX_STREAM_BYTES // PIECE + 1


async def test_a_small_body_that_inflates_without_end_is_given_up() -> None:
    packed = gzip.compress(bytes(300 << 20), compresslevel=1)
    assert len(packed) < 2 << 20
    with pytest.raises(PayloadTooLarge):
        async for _ in stream_body(Wire(iter([packed])).request(**GZIP)):
            pass


async def test_a_declared_length_over_the_limit_is_refused_after_what_was_sent() -> None:
    wire = Wire(iter([b"a"]))
    with pytest.raises(PayloadTooLarge):
        await read(wire, **{"content-length": str(MAX_STREAM_BYTES + 1)})
    assert wire.taken == 2, "a piece and the end"


async def test_a_client_that_leaves_gets_no_response() -> None:
    with pytest.raises(ClientDisconnect):
        await read(Wire(iter([b"a"]), ends=False))


@pytest.mark.parametrize("body", [b"plain", gzip.compress(b"a", mtime=0)[:-1], gzip.compress(b"a", mtime=0) + b"more"])
async def test_a_wrong_encoding_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedRequest):
        await read(Wire(iter([body])), **GZIP)
    with pytest.raises(UnsupportedMedia):
        await read(Wire(iter([body])), **{"content-encoding": "br"})
