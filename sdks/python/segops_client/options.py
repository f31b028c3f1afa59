"""Options of a client."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, Optional

BeforeSend = Callable[[dict[str, Any]], Optional[dict[str, Any]]]

MAX_EVENT_BYTES = 32_768
"""As the server takes them, in compact JSON."""
MAX_BATCH_BYTES = 450_000
MAX_BATCH_EVENTS = 100


@dataclass(frozen=True)
class Options:
    """Options of a client; times in seconds. A batch is sent at `batch_size` events, or after `flush_interval`.

    A client queues at most `max_queued_events` and `max_queued_bytes`; then it drops the `oldest` or the `newest`. A failed
    request is retried after a random time up to `retry_base`, doubled with each failure up to `retry_max`, and never
    before the server's Retry-After. `before_send` may change an event, or return None to skip it.
    """

    batch_size: int = 20
    flush_interval: float = 5.0
    max_queued_events: int = 10_000
    max_queued_bytes: int = 32 * 1024 * 1024
    drop: Literal["oldest", "newest"] = "oldest"
    timeout: float = 10.0
    retry_base: float = 0.2
    retry_max: float = 30.0
    gzip: bool = True
    before_send: BeforeSend | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a size or time that cannot be used."""
        for name in ("batch_size", "max_queued_events", "max_queued_bytes"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1")
        for name in ("flush_interval", "timeout"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be greater than zero")


def chosen(options: Options | None, *, batch: bool, **arguments: float | None) -> Options:
    """Return the options with those that were given by name. Without `batch`, each event is sent at once."""
    changes: dict[str, Any] = {name: value for name, value in arguments.items() if value is not None}
    return replace(options or Options(), **({**changes, "batch_size": 1} if not batch else changes))
