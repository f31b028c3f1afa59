"""Choose the event log's adapter from its address."""

from __future__ import annotations

from urllib.parse import urlsplit

from segops_common.core.clock import Clock
from segops_common.streams.log import EventLog


def open_event_log(url: str, *, clock: Clock) -> EventLog:
    """Return the log at `valkey://host:port/db` or `kafka://host:port[,host:port]`; it connects on first use.

    Raises ValueError for any other scheme. Only the chosen driver is imported, which makes processes start faster.
    """
    scheme = urlsplit(url).scheme
    match scheme:
        case "valkey":
            from segops_common.streams.valkey.log import ValkeyEventLog

            return ValkeyEventLog(url=url, clock=clock)
        case "kafka":
            from segops_common.streams.kafka.log import KafkaEventLog

            return KafkaEventLog(bootstrap=url.removeprefix("kafka://"), clock=clock)
        case _:
            raise ValueError(f"no event log for the scheme {scheme!r}: use valkey:// or kafka://")
