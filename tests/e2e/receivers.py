"""What receivers of activations have in common: they listen on a port, read a request, and are activated."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from tests.e2e.people import Person


class Listens(Protocol):
    """Handles requests at an address that it learns when it listens."""

    url: str

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None: ...


R = TypeVar("R", bound=Listens)


@dataclass(frozen=True, slots=True)
class Received:
    """A request: its first line, its headers by their names in lower case, and its body."""

    first: str
    headers: dict[str, str]
    body: bytes


@asynccontextmanager
async def listening(receiver: R) -> AsyncIterator[R]:
    """Let a receiver listen on a port of 127.0.0.1 until the block ends."""
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    async with server:
        receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        yield receiver


async def received(reader: asyncio.StreamReader) -> Received:
    """Read a request. Raises asyncio.IncompleteReadError for one that was cut off."""
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    return Received(first, headers, await reader.readexactly(int(headers["content-length"])))


async def activated(person: Person, segment: int, **body: Any) -> str:
    """Create an activation, start it, and return its path."""
    made = await person.ask("POST", "/api/activations/", 201, {"tenant": person.tenant, "segment": segment, **body})
    path = f"/api/activations/{made['id']}/"
    await person.ask("PATCH", path, 200, {"status": "active"})
    return path
