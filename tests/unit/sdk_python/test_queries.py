"""Reads for servers: paths, bodies, and what is made of the responses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from segops_client import AsyncSegOpsClient, LookupFailed, Member, SegOpsClient

Answer = tuple[int, Any]


class Api:
    """Answers requests from a list, and records them."""

    def __init__(self, answers: Sequence[Answer]) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        remaining = list(answers)
        record = self.requests.append

        class Handler(BaseHTTPRequestHandler):
            def respond(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                record((self.command, self.path, json.loads(body or "null")))
                status, answer = remaining.pop(0)
                text = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = respond  # noqa: N815

            def log_message(self, format: str, *args: object) -> None:
                """Log nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def page(names: Sequence[str], cursor: str | None) -> Answer:
    return 200, {
        "results": [{"user_id": name, "computed_at": "2026-03-01T12:00:00Z"} for name in names],
        "next_cursor": cursor,
    }


ANSWERS: list[Answer] = [
    (200, {"segment_ids": [1]}),
    (200, {"results": [{"user_id": str(n), "segment_ids": [1]} for n in range(1000)]}),
    (200, {"results": [{"user_id": "1000", "segment_ids": []}]}),
    page(["a", "b"], "c/2"),
    page(["c"], None),
    (200, [{"index": 0, "matches": True}]),
]
REQUESTS = [
    ("GET", "/api/segments/membership/?user_id=%C3%BC+%2F", None),
    ("POST", "/api/segments/membership/batch/", {"user_ids": [str(n) for n in range(1000)]}),
    ("POST", "/api/segments/membership/batch/", {"user_ids": ["1000"]}),
    ("GET", "/api/segments/7/members/?limit=2", None),
    ("GET", "/api/segments/7/members/?limit=2&cursor=c%2F2", None),
    ("GET", "/api/explorer/users/%C3%BC%20%2F/segments/7/explain/", None),
]
USERS = [str(n) for n in range(1001)]
MEMBERS = [Member(name, "2026-03-01T12:00:00Z") for name in "abc"]


def test_the_client_for_threads_reads() -> None:
    api = Api(ANSWERS)
    with SegOpsClient(api.url, "sk_x") as client:
        assert client.segments("ü /") == [1]
        assert client.segments_of(USERS) == {str(n): [1] for n in range(1000)} | {"1000": []}
        assert list(client.members(7, page_size=2)) == MEMBERS
        assert client.explain("ü /", 7) == [{"index": 0, "matches": True}]
    api.close()
    assert api.requests == REQUESTS


async def test_the_client_for_asyncio_reads() -> None:
    api = Api(ANSWERS)
    async with AsyncSegOpsClient(api.url, "sk_x") as client:
        assert await client.segments("ü /") == [1]
        assert await client.segments_of(USERS) == {str(n): [1] for n in range(1000)} | {"1000": []}
        assert [member async for member in client.members(7, page_size=2)] == MEMBERS
        assert await client.explain("ü /", 7) == [{"index": 0, "matches": True}]
    api.close()
    assert api.requests == REQUESTS


@pytest.mark.parametrize(
    ("answer", "detail", "status"),
    [
        ((403, {"detail": "must have the scope membership:read"}), "answered 403: must have the scope", 403),
        ((500, "no object"), r"answered 500\.$", 500),
        ((200, {"other": 1}), "cannot be read", 200),
    ],
)
@pytest.mark.parametrize(
    "read",
    [
        lambda client: client.segments("u"),
        lambda client: client.segments_of(["u"]),
        lambda client: list(client.members(1)),
        lambda client: client.explain("u", 1),
    ],
)
def test_a_failed_read_says_why(
    answer: Answer, detail: str, status: int, read: Callable[[SegOpsClient], object]
) -> None:
    api = Api([answer])
    with SegOpsClient(api.url, "sk_x") as client, pytest.raises(LookupFailed, match=detail) as error:
        read(client)
    api.close()
    assert error.value.status == status
