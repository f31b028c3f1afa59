"""Reports, results and counts of a client."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Report:
    """An error. `message_ids` lists the dropped events; it is empty if nothing was lost.

    Codes of the client: `invalid-event`, `too-large`, `before-send-failed`, `queue-full`, `opted-out`, `shutdown`,
    `unauthorized`, `unexpected-status`. An event refused by the server has the server's code.
    """

    code: str
    detail: str
    message_ids: Sequence[str] = ()


OnError = Callable[[Report], object]


@dataclass(frozen=True, slots=True)
class Result:
    """How many events of a client were sent, and how many were dropped."""

    sent: int
    dropped: int


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts since the client was created, and the queue now. `retries` counts repeated requests."""

    sent: int
    dropped: int
    queued: int
    queued_bytes: int
    requests: int
    retries: int
