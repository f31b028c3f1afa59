"""A receiver of webhooks that fails, stalls, and answers late, twice or not at all; and what it knows at the end."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.e2e.receivers import received

Processed = tuple[str, dict[str, Any]]


class Twice(AssertionError):
    """A change came twice."""


def folded(stream: Sequence[Processed], *, ignore_repetitions: bool = True) -> set[str]:
    """Return the members that a receiver has after all requests. Raises Twice for a change that changes nothing."""
    members: set[str] = set()
    bodies: dict[str, dict[str, Any]] = {}
    for id, body in stream:
        if id in bodies and ignore_repetitions:
            assert bodies[id] == body, "a repetition has the same body"
            continue
        bodies[id] = body
        users = set(body.get("user_ids", ()))
        if body["event"] == "segment.entered" and members & users:
            raise Twice(id)
        if body["event"] == "segment.exited" and users - members:
            raise Twice(id)
        members = members | users if body["event"] == "segment.entered" else members - users
        if body["event"] == "segment.recomputed":
            assert len(members) == body["member_count"], "the size comes after all changes of its run"
    return members


@dataclass
class Receiver:
    """Processes requests in their order, and answers as it likes: in each of its `moods` about equally often.

    `late_s` is longer than a sender waits. A receiver that `is_kind` confirms everything.
    """

    random: Random
    moods: Sequence[str]
    late_s: float
    url: str = ""
    stream: list[Processed] = field(default_factory=list)
    shown: Counter[str] = field(default_factory=Counter)
    is_kind: bool = False

    @property
    def has_shown_all_moods(self) -> bool:
        """Whether it has answered in all ways that it can."""
        return self.shown.keys() >= set(self.moods)

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Receive one request. A sender that is killed amid one has sent nothing."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._handle(reader, writer)
        writer.close()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await received(reader)
        mood = "good" if self.is_kind else self.random.choice(self.moods)
        self.shown[mood] += 1
        if mood not in ("fails", "deaf"):
            self.stream.append((request.headers["webhook-id"], json.loads(request.body)))
        if mood in ("late", "deaf"):
            await asyncio.sleep(self.late_s)
        if mood not in ("cuts", "deaf"):
            status = "500 Error" if mood == "fails" else "200 OK"
            answer = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            writer.write(answer * 2 if mood == "twice" else answer)
            await writer.drain()
