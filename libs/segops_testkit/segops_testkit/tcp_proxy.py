"""A TCP proxy between a client and an engine that can freeze, drop a response, or end TLS."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress

from segops_common.core.tasks import spawn

_CHUNK = 1 << 16
_SWALLOW_S = 0.3

ReadAnswer = Callable[[asyncio.StreamReader], Awaitable[bytes]]
"""Reads the next piece of a response, as the client will see it; empty at the end."""


async def read_some(reader: asyncio.StreamReader) -> bytes:
    """Pass responses on unchanged."""
    return await reader.read(_CHUNK)


class TcpProxy:
    """Forwards connections to one local port. With `tls`, clients reach it by TLS."""

    def __init__(
        self, *, target_port: int, read_answer: ReadAnswer = read_some, tls: ssl.SSLContext | None = None
    ) -> None:
        self.cuts = 0
        """The number of dropped responses."""
        self._target_port = target_port
        self._read_answer = read_answer
        self._tls = tls
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._marker: bytes | None = None
        self._server: asyncio.Server | None = None
        self._lines: set[asyncio.Task[None]] = set()

    @property
    def port(self) -> int:
        """The port for clients, once started."""
        assert self._server is not None
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self._tls)

    async def stop(self) -> None:
        """Close every connection."""
        if self._server is not None:
            self._server.close()
        for line in list(self._lines):
            line.cancel()
        if self._lines:
            await asyncio.wait(self._lines)

    def freeze(self) -> None:
        """Hold back everything in both directions, without closing connections."""
        self._flowing.clear()

    def thaw(self) -> None:
        """Pass on what was held back."""
        self._flowing.set()

    def lose_answer_to(self, marker: bytes) -> None:
        """Forward the next request that contains the marker, then close its connection instead of responding."""
        self._marker = marker

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = spawn(self._connect(reader, writer), name="proxied connection")
        self._lines.add(line)
        line.add_done_callback(self._lines.discard)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, asyncio.IncompleteReadError):
            try:
                await self._flowing.wait()
                up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target_port)
                try:
                    await self._forward(reader, writer, up_reader, up_writer)
                finally:
                    up_writer.close()
            finally:
                writer.close()

    async def _forward(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        up_reader: asyncio.StreamReader,
        up_writer: asyncio.StreamWriter,
    ) -> None:
        doomed = asyncio.Event()
        ways = [
            spawn(self._requests(reader, up_writer, doomed), name="one way"),
            spawn(self._answers(up_reader, writer, doomed), name="one way"),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _requests(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        while data := await reader.read(_CHUNK):
            await self._flowing.wait()
            if self._marker is not None and self._marker in data:
                self._marker = None
                doomed.set()
                self.cuts += 1
            to.write(data)
            await to.drain()
            if doomed.is_set():
                await asyncio.sleep(_SWALLOW_S)
                return

    async def _answers(self, reader: asyncio.StreamReader, to: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        while data := await self._read_answer(reader):
            await self._flowing.wait()
            if not doomed.is_set():
                to.write(data)
                await to.drain()
