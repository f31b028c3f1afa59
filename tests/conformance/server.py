"""A server that fails as its script says, for any SDK: `python -m tests.conformance.server [--port N]`.

It prints one line, `{"url": "http://127.0.0.1:N"}`, and serves until SIGTERM. See README.md beside it.
"""

from __future__ import annotations

import argparse
import asyncio
import gzip
import json
import re
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any, Final

import h11

from tests.conformance.dialects import OURS, Dialect, Item, dialect_at, problem
from tests.conformance.runs import MODES, Run

_TARGET: Final = re.compile(r"/run/([a-z0-9_]+)/([A-Za-z0-9-]{1,64})(/[^?]*)")
_REPORT: Final = re.compile(r"/report/([A-Za-z0-9-]{1,64})")
_HANG_S: Final = 120
_DRIP_BYTES: Final = 16
_PROBLEM: Final = "application/problem+json"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status with its body, perhaps a byte at a time."""

    status: int
    body: bytes
    kind: str = "application/json"
    retry_after: str | None = None
    clock_s: float = 0.0
    """How far the server's clock is ahead."""
    drip_s: float = 0.0


class Silence(Exception):
    """There is no answer: the connection is reset, or stays open for nothing."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__("reset" if reset else "hang")
        self.reset = reset


@dataclass(frozen=True, slots=True)
class Posted:
    """A batch on its way into a run."""

    run: Run
    dialect: Dialect
    items: Sequence[Item]
    is_gzip: bool


@dataclass(slots=True)
class FaultServer:
    """Runs by their ids; each begins with its first request."""

    runs: dict[str, Run] = field(default_factory=dict)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            await self._serve_or_not(reader, writer)
        except (ConnectionError, h11.RemoteProtocolError):
            pass
        except asyncio.CancelledError:
            # The server ends, and with it all connections.
            pass
        finally:
            writer.close()

    async def _serve_or_not(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except Silence as silence:
            if silence.reset:
                # Without lingering, closing sends a reset.
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            else:
                await _until_gone(reader)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = h11.Connection(h11.SERVER)
        while True:
            request, body = await _read(connection, reader)
            if request is None:
                return
            await _write(connection, writer, request, self.answer(request, body))
            if set(connection.states.values()) != {h11.DONE}:
                return
            connection.start_next_cycle()

    def answer(self, request: h11.Request, body: bytes) -> Answer:
        """Raises Silence."""
        target = request.target.decode()
        if request.method == b"OPTIONS":
            return Answer(204, b"")
        if target == "/modes":
            return Answer(200, json.dumps(MODES).encode())
        if match := _REPORT.fullmatch(target):
            run = self.runs.get(match[1], Run("healthy"))
            return Answer(200, json.dumps(run.report()).encode())
        return self._posted(target, request, body)

    def _posted(self, target: str, request: h11.Request, body: bytes) -> Answer:
        match = _TARGET.match(target)
        dialect = dialect_at(match[3]) if match else None
        if match is None or dialect is None or match[1] not in MODES or request.method != b"POST":
            return Answer(404, problem(404), _PROBLEM)
        is_gzip = body.startswith(b"\x1f\x8b")
        try:
            parsed = json.loads(gzip.decompress(body) if is_gzip else body)
            run = self.runs.get(match[2], Run(match[1]))
            items = dialect.read(parsed, run.now())
        except ValueError as error:
            return Answer(400, problem(400, [{"path": "", "code": "malformed", "detail": str(error)}]), _PROBLEM)
        if dialect is OURS and not _has_key(request, parsed):
            return Answer(401, problem(401), _PROBLEM)
        self.runs[match[2]] = run
        answer = _carry_out(Posted(run, dialect, items, is_gzip))
        run.statuses[str(answer.status)] += 1
        return replace(answer, clock_s=MODES[run.mode].get("clock_s", 0.0))


def _has_key(request: h11.Request, parsed: dict[str, Any]) -> bool:
    headers = dict(request.headers)
    if headers.get(b"content-type", b"").startswith(b"text/plain"):
        return str(parsed.get("api_key", "")).startswith("pk_")
    return headers.get(b"authorization", b"").startswith((b"ApiKey sk_", b"ApiKey pk_"))


def _carry_out(posted: Posted) -> Answer:
    run, items = posted.run, posted.items
    step = run.arrives(items, is_gzip=posted.is_gzip)
    if "store_then_reset" in step:
        run.keep(items)
    for name in ("reset", "store_then_reset", "hang"):
        if name in step:
            run.statuses[name] += 1
            raise Silence(reset=name != "hang")
    status = step["answer"]
    if status != OURS.success:
        return Answer(status, problem(status), _PROBLEM, retry_after=_retry_after(run, step))
    return _refusal(posted, step) or _accepted(posted, step)


def _retry_after(run: Run, step: dict[str, Any]) -> str | None:
    if "retry_after_s" in step:
        run.come_back_after(step["retry_after_s"])
        return str(step["retry_after_s"])
    if "retry_after_date_s" in step:
        now = datetime.now(UTC)
        # A date has no fractions of a second.
        at = (now + timedelta(seconds=step["retry_after_date_s"])).replace(microsecond=0)
        run.come_back_after((at - now).total_seconds())
        return format_datetime(at, usegmt=True)
    return None


def _refusal(posted: Posted, step: dict[str, Any]) -> Answer | None:
    if posted.is_gzip and step.get("refuse_gzip"):
        return Answer(415, problem(415), _PROBLEM)
    if len(posted.items) > step.get("max_events", len(posted.items)):
        return Answer(413, problem(413), _PROBLEM)
    bad = [index for index, item in enumerate(posted.items) if "refuse_n" in step and item.n == step["refuse_n"]]
    if not bad:
        return None
    posted.run.refused.update(posted.items[index].message_id for index in bad)
    faults = [{"path": f"batch[{index}].payload", "code": "refused", "detail": "not wanted"} for index in bad]
    return Answer(400, problem(400, faults if step["named"] else ()), _PROBLEM)


def _accepted(posted: Posted, step: dict[str, Any]) -> Answer:
    left_out = [
        index for index, item in enumerate(posted.items) if "leave_out_n" in step and item.n == step["leave_out_n"]
    ]
    posted.run.refused.update(posted.items[index].message_id for index in left_out)
    posted.run.keep([item for index, item in enumerate(posted.items) if index not in left_out])
    body = json.dumps(posted.dialect.answer(posted.items, left_out)).encode()
    return Answer(posted.dialect.success, body, drip_s=step.get("drip_s", 0.0))


async def _read(connection: h11.Connection, reader: asyncio.StreamReader) -> tuple[h11.Request | None, bytes]:
    request, body = None, b""
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(65536))
        elif isinstance(event, h11.Request):
            request = event
        elif isinstance(event, h11.Data):
            body += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            return request, body
        else:
            return None, b""


async def _write(
    connection: h11.Connection, writer: asyncio.StreamWriter, request: h11.Request, answer: Answer
) -> None:
    headers = [
        ("content-type", answer.kind),
        ("access-control-allow-origin", dict(request.headers).get(b"origin", b"*").decode()),
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", "authorization, content-type, content-encoding, idempotency-key"),
        ("access-control-expose-headers", "retry-after"),
        ("date", format_datetime(datetime.now(UTC) + timedelta(seconds=answer.clock_s), usegmt=True)),
        ("access-control-max-age", "600"),
        ("vary", "origin"),
    ]
    # A 204 has no body, and so no length.
    if answer.status != 204:
        headers.append(("content-length", str(len(answer.body))))
    if answer.retry_after is not None:
        headers.append(("retry-after", answer.retry_after))
    head = connection.send(h11.Response(status_code=answer.status, headers=headers))
    tail = connection.send(h11.Data(data=answer.body)) if answer.body else b""
    end = connection.send(h11.EndOfMessage())
    await _drip(writer, (head or b"") + (tail or b"") + (end or b""), answer.drip_s)


async def _drip(writer: asyncio.StreamWriter, data: bytes, seconds: float) -> None:
    size = _DRIP_BYTES if seconds else len(data)
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(seconds / len(pieces))


async def _until_gone(reader: asyncio.StreamReader) -> None:
    try:
        async with asyncio.timeout(_HANG_S):
            while await reader.read(65536):
                pass
    except TimeoutError:
        pass


async def main(port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    server = await asyncio.start_server(FaultServer().connected, "127.0.0.1", port, backlog=1024)
    sys.stdout.write(json.dumps({"url": f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"}) + "\n")
    sys.stdout.flush()
    await stop.wait()
    server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="a free one when left out")
    asyncio.run(main(parser.parse_args().port))
