"""The address of the event log, and what else it takes to connect: a private authority, and a user of Kafka."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from segops_common.streams.kafka.brokers import KafkaLogin

Engine = Literal["kafka", "valkey"]

_SCHEMES: dict[str, tuple[Engine, bool]] = {
    "kafka": ("kafka", False),
    "kafkas": ("kafka", True),
    "valkey": ("valkey", False),
    "valkeys": ("valkey", True),
}
_BROKER = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}")
_DATABASE = re.compile(r"/?|/[0-9]{1,3}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAddress:
    """An address that was checked."""

    engine: Engine
    uses_tls: bool
    target: str
    """For Kafka `host:port,host:port`; for Valkey the address as the driver of Redis takes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogAccess:
    """What a client needs beyond the address."""

    ca_file: Path | None = None
    """Certificates of private authorities, trusted besides the ones of the system."""
    kafka_login: KafkaLogin | None = None


ANONYMOUS = LogAccess()


def log_address(url: str) -> LogAddress:
    """Return the parts of the address. Raises ValueError with what must hold, and without any part of the address."""
    scheme, separator, rest = url.partition("://")
    if not separator or scheme not in _SCHEMES:
        raise ValueError("must begin with kafka://, kafkas://, valkey:// or valkeys://")
    engine, uses_tls = _SCHEMES[scheme]
    if engine == "kafka":
        return LogAddress(engine=engine, uses_tls=uses_tls, target=_brokers(rest))
    return LogAddress(engine=engine, uses_tls=uses_tls, target=f"redis{'s' * uses_tls}://{_server(url, rest)}")


def _brokers(rest: str) -> str:
    if "@" in rest:
        raise ValueError(
            "must not contain a user or a password of Kafka: set SEGOPS_KAFKA_USER and SEGOPS_KAFKA_PASSWORD"
        )
    brokers = [broker.strip() for broker in rest.rstrip("/").split(",")]
    if not all(_BROKER.fullmatch(broker) for broker in brokers):
        raise ValueError("must be kafka://host:port, with further brokers as host:port separated by commas")
    return ",".join(brokers)


def _server(url: str, rest: str) -> str:
    parts = urlsplit(url)
    # The driver would let options in the address weaken the check of the server's certificate.
    if not parts.hostname or parts.query or parts.fragment or not _DATABASE.fullmatch(parts.path):
        raise ValueError("must be valkey://user:password@host:port/database, without options after a question mark")
    return rest
