"""Choose the event log's adapter from its address."""

from __future__ import annotations

import ssl

from segops_common.core.clock import Clock
from segops_common.streams.address import ANONYMOUS, LogAccess, LogAddress, log_address
from segops_common.streams.kafka.brokers import KafkaBrokers
from segops_common.streams.log import EventLog


def open_event_log(url: str, *, clock: Clock, access: LogAccess = ANONYMOUS) -> EventLog:
    """Return the log at `valkey://host:port/db` or `kafka://host:port[,host:port]`; it connects on first use.

    With `valkeys://` and `kafkas://`, connections use TLS. Raises ValueError for any other address. Only the chosen driver
    is imported, which makes processes start faster.
    """
    address = log_address(url)
    match address.engine:
        case "valkey":
            from segops_common.streams.valkey.log import ValkeyEventLog

            return ValkeyEventLog(url=address.target, clock=clock, ca_file=access.ca_file)
        case "kafka":
            from segops_common.streams.kafka.log import KafkaEventLog

            return KafkaEventLog(brokers=_brokers(address, access), clock=clock)


def _brokers(address: LogAddress, access: LogAccess) -> KafkaBrokers:
    tls = None
    if address.uses_tls:
        tls = ssl.create_default_context()
        if access.ca_file is not None:
            tls.load_verify_locations(access.ca_file)
    return KafkaBrokers(bootstrap=address.target, tls=tls, login=access.kafka_login)
