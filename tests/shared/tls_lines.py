"""Lines that put TLS in front of engines whose packages have none."""

from __future__ import annotations

import asyncio
import ssl

from segops_testkit.tcp_proxy import TcpProxy

_REQUEST_BYTES = 8
_CHUNK = 1 << 16


class PostgresTlsLine(TcpProxy):
    """Accepts PostgreSQL's request for TLS, and passes on what is inside."""

    def __init__(self, *, target_port: int, context: ssl.SSLContext) -> None:
        super().__init__(target_port=target_port)
        self._context = context

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readexactly(_REQUEST_BYTES)
            writer.write(b"S")
            await writer.start_tls(self._context)
        except (OSError, asyncio.IncompleteReadError):
            writer.close()
            return
        await super()._connect(reader, writer)


class ClickHouseTlsLine(TcpProxy):
    """Ends TLS, and names the server's own port in requests: it refuses other names."""

    async def _requests(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        own, target = (f"Host: 127.0.0.1:{port}".encode() for port in (self.port, self._target_port))
        while data := await reader.read(_CHUNK):
            to.write(data.replace(own, target))
            await to.drain()
