"""What a client tells of itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """Something that went wrong: `message_ids` are the events that were dropped for it, none when nothing was lost.

    Codes of the client: `invalid-event`, `too-large`, `before-send-failed`, `queue-full`, `opted-out`, `shutdown`,
    `unauthorized`, `unexpected-status`. A refusal by the server has the server's code.
    """

    code: str
    detail: str
    message_ids: Sequence[str] = ()


OnError = Callable[[Report], object]


@dataclass(frozen=True, slots=True)
class Result:
    """The fate of all events of a client: stored by the server, or dropped."""

    sent: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Numbers since the client was made, and what waits now; `retries` are requests that had to be repeated."""

    sent: int
    dropped: int
    queued: int
    queued_bytes: int
    requests: int
    retries: int
