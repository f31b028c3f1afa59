"""The client's side of a body, apart from any connection."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from starlette.requests import Request


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
