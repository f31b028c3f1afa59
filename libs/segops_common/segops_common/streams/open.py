"""Choosing the event log's adapter from its address."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from segops_common.core.clock import Clock
from segops_common.streams.kafka.log import KafkaEventLog
from segops_common.streams.log import EventLog
from segops_common.streams.valkey.log import ValkeyEventLog


def open_event_log(url: str, *, clock: Clock) -> EventLog:
    """The log at `valkey://host:port/db` or `kafka://host:port[,host:port]`; connects on first use.

    Raises ValueError for any other scheme.
    """
    scheme = urlsplit(url).scheme
    match scheme:
        case "valkey":
            return ValkeyEventLog(url=url, clock=clock)
        case "kafka":
            return KafkaEventLog(bootstrap=url.removeprefix("kafka://"), clock=clock)
        case _:
            raise ValueError(f"no event log for the scheme {scheme!r}; use valkey:// or kafka://")


@asynccontextmanager
async def opened_event_log(url: str, *, clock: Clock) -> AsyncIterator[EventLog]:
    """The event log at the address, closed at the end. Raises as `open_event_log`."""
    log = open_event_log(url, clock=clock)
    try:
        yield log
    finally:
        await log.close()
