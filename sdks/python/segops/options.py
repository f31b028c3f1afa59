"""Options of a client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

BeforeSend = Callable[[dict[str, Any]], dict[str, Any] | None]

MAX_EVENT_BYTES = 32_768
"""As the server takes them, in compact JSON."""
MAX_BATCH_BYTES = 450_000
MAX_BATCH_EVENTS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of a client; times in seconds. A batch is sent at `flush_at` events, or after `flush_interval_s`.

    A client queues at most `max_queued_events` and `max_queued_bytes`; then it drops the `oldest` or the `newest`. A failed
    request is retried after a random time up to `retry_base_s`, doubled with each failure up to `retry_max_s`, and never
    before the server's Retry-After. `before_send` may change an event, or return None to skip it.
    """

    flush_at: int = 20
    flush_interval_s: float = 5.0
    max_queued_events: int = 10_000
    max_queued_bytes: int = 32 * 1024 * 1024
    drop: Literal["oldest", "newest"] = "oldest"
    request_timeout_s: float = 10.0
    retry_base_s: float = 0.2
    retry_max_s: float = 30.0
    gzip: bool = True
    before_send: BeforeSend | None = None
