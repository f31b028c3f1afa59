"""Single requests to a server, to see whether it answers."""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """An HTTP answer. `status` is 0 when there was none."""

    status: int
    body: bytes = b""


async def tcp_answer(host: str, port: int, request: bytes, *, timeout_s: float = 1.0) -> bytes:
    """Return what a TCP server sends until it closes the connection. Empty when it cannot be reached."""
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(request)
                return await reader.read()
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
) -> HttpAnswer:
    """Send one HTTP request on a connection of its own."""

    def exchange() -> HttpAnswer:
        connection = HTTPConnection(host, port, timeout=timeout_s)
        try:
            connection.request(method, path, body=body, headers=dict(headers or {}))
            response = connection.getresponse()
            return HttpAnswer(response.status, response.read())
        except (OSError, HTTPException):
            return HttpAnswer(0)
        finally:
            connection.close()

    return await asyncio.to_thread(exchange)
