"""Where the brokers of Kafka are, and how clients connect and sign in."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

SaslMechanism = Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaLogin:
    """A user of the brokers. With PLAIN, the password itself is sent."""

    user: str
    password: str = field(repr=False)
    mechanism: SaslMechanism = "SCRAM-SHA-512"


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaBrokers:
    """The brokers at `host:port,host:port`. With `tls`, connections are encrypted and the brokers' names are checked."""

    bootstrap: str
    tls: ssl.SSLContext | None = None
    login: KafkaLogin | None = None

    @property
    def options(self) -> Mapping[str, Any]:
        """The arguments of every client of aiokafka that say where and as whom to connect."""
        transport = "PLAINTEXT" if self.tls is None else "SSL"
        options = {"bootstrap_servers": self.bootstrap, "security_protocol": transport, "ssl_context": self.tls}
        if self.login is None:
            return options
        return options | {
            "security_protocol": f"SASL_{transport}",
            "sasl_mechanism": self.login.mechanism,
            "sasl_plain_username": self.login.user,
            "sasl_plain_password": self.login.password,
        }
