"""The ASGI application: ClickHouse's HTTP interface over the embedded engine."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from .call import Call, parse_pairs, read_call
from .engine import Engine, Handle, Progress
from .errors import NOT_ENOUGH_SPACE, QUERY_IS_TOO_LARGE, QueryFailed, refused
from .exchange import Body, ClientLeft, Receive, Reply, Send, off_loop_if_large
from .lanes import Lane, Lanes
from .multipart import Form, parse_multipart
from .statements import InsertHead, find_data, is_insert, read_statement

MAX_TEXT_BYTES = 256 << 20
"""Largest statement or form held in memory; insert data waits on disk and has no limit."""
_KILL_PERIOD_S = 0.2
_STREAMED = frozenset(
    [
        "Native",
        "RowBinary",
        "TabSeparated",
        "TSV",
        "TabSeparatedRaw",
        "TSVRaw",
        "CSV",
        "JSONEachRow",
        "JSONLines",
        "NDJSON",
    ]
)
"""Formats whose blocks can simply follow one another; the others are built as a whole."""


@dataclass(slots=True, kw_only=True)
class Front:
    """The application; an instance serves one engine. `inserts` is a folder for the data of running inserts."""

    engine: Engine
    inserts: Path
    lanes: Lanes
    display_name: str

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one HTTP exchange."""
        greeted = scope["path"] == "/" and scope["method"] == "GET" and not scope["query_string"]
        if scope["path"] == "/" and not greeted:
            await self._query(scope, receive, send)
            return
        known = greeted or scope["path"] == "/ping"
        body = b"Ok.\n" if known else b"There is no handle " + scope["path"].encode() + b"\n"
        headers = [(b"content-type", b"text/html; charset=UTF-8"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200 if known else 404, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _query(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        reply = Reply(send, version=self.engine.version, timezone=self.engine.timezone, display_name=self.display_name)
        run = Run(front=self, reply=reply, progress=Progress())
        try:
            await run.serve(scope, receive)
        except ClientLeft:
            return
        except QueryFailed as error:
            await reply.fail(error, run.progress)
        except OSError as error:
            await reply.fail(refused(NOT_ENOUGH_SPACE, f"Cannot keep a temporary file: {error}"), run.progress)


@dataclass(slots=True, kw_only=True)
class Run:
    """One query from its request to its answer."""

    front: Front
    reply: Reply
    progress: Progress

    async def serve(self, scope: MutableMapping[str, Any], receive: Receive) -> None:
        """Read the request and run it. Raises QueryFailed and ClientLeft."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        body = Body(receive, encoding=headers.get("content-encoding", ""))
        pairs = parse_pairs(scope["query_string"])
        pieces = body.pieces()
        content_type = headers.get("content-type", "")
        form = Form((), {})
        if content_type.startswith("multipart/form-data"):
            form = parse_multipart(content_type, await _gather(b"", pieces))
            pieces = _nothing()
        call = read_call(method=scope["method"], headers=headers, pairs=(*pairs, *form.fields), files=form.files)
        self.reply.describe(query_id=call.query_id, timezone=call.session.settings.get("session_timezone"))
        await self._run(call, body, pieces)

    async def _run(self, call: Call, body: Body, pieces: AsyncIterator[bytes]) -> None:
        text = call.query + b"\n" if call.query else b""
        insert: InsertHead | None = None
        async for piece in pieces:
            text += piece
            if not is_insert(text) or (insert := find_data(text, complete=False)):
                break
            if len(text) > MAX_TEXT_BYTES:
                raise refused(QUERY_IS_TOO_LARGE, "The statement is too large")
        if insert is None and is_insert(text):
            insert = find_data(text, complete=True)
        if insert is not None:
            return await self._insert(call, insert, text[insert.data :], pieces)
        return await self._answer(call, await _gather(text, pieces), body)

    async def _insert(self, call: Call, insert: InsertHead, first: bytes, pieces: AsyncIterator[bytes]) -> None:
        with NamedTemporaryFile(dir=self.front.inserts) as file:
            await off_loop_if_large(file.write, first)
            async for piece in pieces:
                await off_loop_if_large(file.write, piece)
            file.flush()
            async with self._handle(call) as (lane, handle):
                await lane.run(handle.insert, insert, Path(file.name))
        await self.reply.start(output_format="Null", encoding=None, progress=self.progress)
        await self.reply.finish()

    async def _answer(self, call: Call, text: bytes, body: Body) -> None:
        statement = read_statement(text)
        output_format = statement.format or call.default_format or "TabSeparated"
        stops = statement.reads and call.leaves_with_client
        async with self._handle(call) as (lane, handle), self._watched(body, mark=call.mark if stops else None):
            # What the engine says it has read is only final for an answer that it gave whole.
            streams = statement.reads and output_format in _STREAMED and not call.wait_end
            if streams and await lane.run(handle.start, text, output_format):
                return await self._stream(call, output_format, self._blocks(lane, handle))
            answer = await lane.run(handle.query, text, output_format)
            return await self._stream(call, output_format, _once(answer))

    async def _stream(self, call: Call, output_format: str, parts: AsyncIterator[bytes]) -> None:
        async for part in parts:
            if part and not self.reply.started:
                await self.reply.start(output_format=output_format, encoding=call.encoding, progress=self.progress)
            await self.reply.write(part)
        if not self.reply.started:
            await self.reply.start(output_format=output_format, encoding=call.encoding, progress=self.progress)
        await self.reply.finish()

    async def _blocks(self, lane: Lane, handle: Handle) -> AsyncIterator[bytes]:
        while (block := await lane.run(handle.fetch)) is not None:
            yield block

    @asynccontextmanager
    async def _handle(self, call: Call) -> AsyncIterator[tuple[Lane, Handle]]:
        async with self.front.lanes.lane() as lane:
            handle = await lane.run(self.front.engine.open)
            self.progress = handle.progress
            try:
                await lane.run(handle.configure, call.session)
                for table in call.tables:
                    await lane.run(handle.load, table)
                yield lane, handle
            finally:
                await lane.run(handle.close)

    @asynccontextmanager
    async def _watched(self, body: Body, *, mark: str | None) -> AsyncIterator[None]:
        """Note when the client goes away while the query inside runs, and stop the query known by `mark`."""
        watcher = asyncio.create_task(self._watch(body, mark))
        try:
            yield
        finally:
            watcher.cancel()
            await asyncio.wait([watcher])

    async def _watch(self, body: Body, mark: str | None) -> None:
        await body.left()
        self.reply.abandon()
        while mark is not None:
            # Again and again: a query that has not yet begun is not there to be stopped.
            await asyncio.to_thread(self.front.engine.kill, mark)
            await asyncio.sleep(_KILL_PERIOD_S)


async def _gather(first: bytes, pieces: AsyncIterator[bytes]) -> bytes:
    parts = [first]
    size = len(first)
    async for piece in pieces:
        size += len(piece)
        if size > MAX_TEXT_BYTES:
            raise refused(QUERY_IS_TOO_LARGE, "The statement is too large")
        parts.append(piece)
    return b"".join(parts)


async def _once(part: bytes) -> AsyncIterator[bytes]:
    if part:
        yield part


async def _nothing() -> AsyncIterator[bytes]:
    return
    yield b""
