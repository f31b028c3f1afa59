"""Requests of the command line: streams, waiting, and errors that say what to do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import httpx
import pytest

from segops_cli.api.address import base_url, is_loopback
from segops_cli.api.problems import refused
from segops_cli.api.sse import ServerEvent, lines_of, server_events
from segops_cli.errors import CliError, ExitCode
from segops_cli.generator import Figures


def chunks(stream: bytes, size: int) -> Iterator[bytes]:
    for start in range(0, len(stream), size):
        yield stream[start : start + size]


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_a_stream_reads_the_same_in_any_pieces(size: int) -> None:
    """A separator of Unicode inside of the data ends no line; comments and unknown fields are skipped."""
    stream = ': open\n\nid: 1\nevent: run\ndata: {"a": "\u2028\u0085"}\n\nretry: 5\nid: 2\r\ndata: x\r\ndata:y\r\n\r\ndata: cut'
    assert list(server_events(lines_of(chunks(stream.encode(), size)))) == [
        ServerEvent("1", "run", '{"a": "\u2028\u0085"}'),
        ServerEvent("2", "message", "x\ny"),
    ]


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://[::1]:8080", True),
        ("http://localhost", True),
        ("http://127.0.0.1.example.com", False),
        ("https://example.com", False),
        ("http://10.0.0.1", False),
    ],
)
def test_loopback(url: str, answer: bool) -> None:
    assert is_loopback(base_url(f"{url}/")) is answer


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, ExitCode.ACCESS),
        (403, ExitCode.ACCESS),
        (404, ExitCode.REFUSED),
        (422, ExitCode.REFUSED),
        (429, ExitCode.UNAVAILABLE),
        (500, ExitCode.UNAVAILABLE),
        (503, ExitCode.UNAVAILABLE),
    ],
)
def test_each_status_has_an_exit_code(status: int, code: ExitCode) -> None:
    body = {"type": "https://segops.dev/problems/x", "title": "T", "status": status, "detail": "D", "errors": []}
    response = httpx.Response(status, json=body, request=httpx.Request("GET", "http://127.0.0.1/"))
    error = refused(response)
    assert (error.code, error.problem) == (code, body)
    assert "T" in error.message
    assert "D" in error.message


def test_percentiles_are_by_nearest_rank() -> None:
    figures = Figures(latencies_ms=[float(n) for n in range(100, 0, -1)])
    assert (figures.percentile(50), figures.percentile(99)) == (50.0, 99.0)
    assert Figures().percentile(99) == 0.0
    assert Figures().rate == 0.0


def test_addresses_end_before_the_api() -> None:
    assert base_url(" https://example.com/segops/ ") == "https://example.com/segops"
    for url in itertools.chain(["", "x", "https://", "https://example.com/api/", "https://e.com?a=b"]):
        with pytest.raises(CliError):
            base_url(url)
