"""Small questions to a server: does it listen, does it answer."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP answer; `status` is 0 when nobody answered."""

    status: int
    body: bytes = b""


async def ask(host: str, port: int, question: bytes, *, timeout_s: float = 1.0) -> bytes:
    """The first bytes a TCP server says to the question; empty when it cannot be reached."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(question)
                return await reader.read(4096)
            finally:
                writer.close()
                with contextlib.suppress(OSError):
                    await writer.wait_closed()
    except (OSError, TimeoutError):
        return b""


async def http(
    method: str,
    host: str,
    port: int,
    path: str,
    *,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    timeout_s: float = 2.0,
) -> Answer:
    """One HTTP request on its own connection."""

    def exchange() -> Answer:
        connection = HTTPConnection(host, port, timeout=timeout_s)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            return Answer(response.status, response.read())
        except (OSError, HTTPException):
            return Answer(0)
        finally:
            connection.close()

    return await asyncio.to_thread(exchange)
