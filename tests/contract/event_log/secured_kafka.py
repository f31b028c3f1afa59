"""A broker that also listens with TLS and passwords, as managed ones do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from segops_local.engines import KafkaEngine
from segops_local.state.ports import HOST, remembered_ports

USER: Final = "segops"
PASSWORD: Final = "a password of Kafka"
_PROPERTIES: Final = """\
listeners=PLAINTEXT://{host}:{port},SASL_SSL://{host}:{tls},SASL_PLAINTEXT://{host}:{plain},CONTROLLER://{host}:{controller}
advertised.listeners=PLAINTEXT://{host}:{port},SASL_SSL://{host}:{tls},SASL_PLAINTEXT://{host}:{plain},CONTROLLER://{host}:{controller}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL_SSL:SASL_SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.sasl_ssl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config={scram}
listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config={scram}
listener.name.sasl_plaintext.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_{user}="{password}";
listener.name.sasl_plaintext.scram-sha-256.sasl.jaas.config={scram}
listener.name.sasl_plaintext.scram-sha-512.sasl.jaas.config={scram}
ssl.keystore.type=PEM
ssl.keystore.location={keystore}
"""
_SCRAM: Final = "org.apache.kafka.common.security.scram.ScramLoginModule required;"


class SecuredKafka(KafkaEngine):
    """Its ordinary address is open to everyone; `tls_servers` and `plain_servers` ask for the user and the password."""

    def __init__(self, state_dir: Path, *, keystore: Path) -> None:
        super().__init__(state_dir)
        self._keystore = keystore

    @property
    def tls_servers(self) -> str:
        """host:port of the listener with TLS."""
        return self.address(self._ports()["tls"])

    @property
    def plain_servers(self) -> str:
        """host:port of the listener without TLS."""
        return self.address(self._ports()["plain"])

    @property
    def storage_options(self) -> Sequence[str]:
        users = (f"SCRAM-SHA-{bits}=[name={USER},password={PASSWORD}]" for bits in (256, 512))
        return [*super().storage_options, *(word for user in users for word in ("--add-scram", user))]

    def settings(self, port: int) -> str:
        former = super().settings(port)
        controller = former.partition("controller.quorum.bootstrap.servers=")[2].partition("\n")[0].rpartition(":")[2]
        return former + _PROPERTIES.format(
            host=HOST,
            port=port,
            controller=controller,
            user=USER,
            password=PASSWORD,
            scram=_SCRAM,
            keystore=self._keystore,
            **self._ports(),
        )

    def _ports(self) -> dict[str, int]:
        if not hasattr(self, "_chosen"):
            self._chosen = remembered_ports(self.state_dir / "secured-ports.json", ("tls", "plain"))
        return self._chosen
