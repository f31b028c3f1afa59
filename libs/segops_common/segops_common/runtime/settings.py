"""Settings that several services share, read from SEGOPS_* environment variables."""

from __future__ import annotations

import ssl
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from segops_common.core.rate_limit import Quota
from segops_common.stores.clickhouse_address import clickhouse_address
from segops_common.stores.postgres_address import Pooler, PostgresAccess, postgres_target
from segops_common.stores.redis_address import SOCKET_TIMEOUT_S, RedisAccess, redis_address
from segops_common.streams.address import LogAccess, log_address
from segops_common.streams.kafka.brokers import KafkaLogin, SaslMechanism


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_listed)]
"""Networks such as `10.0.0.0/8`, separated by commas."""


def _certificates(file: Path) -> Path:
    try:
        ssl.create_default_context().load_verify_locations(file)
    except OSError as error:
        raise ValueError("must be a readable file with certificates in PEM") from error
    return file


CertificateFile = Annotated[Path, AfterValidator(_certificates)]
"""A file in PEM with one certificate or several."""

PerMinute = Annotated[int, Field(ge=0, le=10_000_000)]
"""A rate limit: as many at once and as many per minute in the long run; 0 means without limit."""


MIN_SECRET: Final = 32


def _long(secret: SecretStr) -> SecretStr:
    if 0 < len(secret.get_secret_value()) < MIN_SECRET:
        raise ValueError(f"must have at least {MIN_SECRET} characters")
    return secret


LongSecret = Annotated[SecretStr, AfterValidator(_long)]
"""A secret of at least MIN_SECRET characters, or none."""


class ServiceSettings(BaseSettings):
    """Settings of every service. A wrong variable, or one that the role lacks, stops the start.

    The error names it without any value.
    """

    needs: ClassVar[Mapping[str, Sequence[str]]] = {}
    """By role: the settings without which it cannot start. All others have a default."""

    model_config = SettingsConfigDict(env_prefix="SEGOPS_", hide_input_in_errors=True)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least severe log lines that are written."""
    traces_url: str = ""
    """The base address of an OpenTelemetry collector that takes OTLP over HTTP, such as `http://collector:4318`; empty: no traces."""
    traces_share: float = Field(default=0.01, ge=0, le=1)
    """Share of the traces that are kept, if the caller has not decided."""
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    internal_port: int | None = None
    """Where an API serves `/internal/`, health and metrics, and a consumer health and metrics; unset: at `http_port`."""
    drain_s: float = Field(default=5.0, ge=0)
    """Seconds for which a stopping API keeps serving, so that every load balancer notices that it is not ready."""
    trusted_proxies: Networks = ()
    """Networks of the proxies in front of the process, whose `X-Forwarded-For` counts. Without any, it never counts."""
    trusted_proxy_hops: int = Field(default=1, ge=1, le=10)
    """How many such proxies a request passes at most, one after the other."""
    request_timeout_s: float = Field(default=15.0, ge=5)
    """When the gateway gives up on a request. A response comes earlier, and every limit inside is shorter still."""
    requests_per_key: PerMinute = 12_000
    """Requests that no other limit counts, per API key or user and service."""
    requests_per_tenant: PerMinute = 30_000
    redis_url: str = ""
    redis_timeout_s: float = Field(default=SOCKET_TIMEOUT_S, gt=0, le=5)
    """How long a command of the cache may take, and connecting without TLS. Then the process goes on without the cache."""
    redis_connect_timeout_s: float | None = Field(default=None, gt=0, le=10)
    """How long connecting to Redis may take, if not as long as a command, or with TLS a second."""
    redis_sentinel_user: str = ""
    redis_sentinel_password: SecretStr = SecretStr("")
    """How to sign in to the Sentinels themselves, if they ask for it."""
    service_token: SecretStr = SecretStr("")
    """The shared secret of `/internal/` routes."""
    other_service_token: SecretStr = SecretStr("")
    """Another secret that those routes accept, while the services change from one to the other."""

    ca_file: CertificateFile | None = None
    """Certificates of private authorities. Engines with a certificate of one of them are trusted, besides those with a
    certificate that the system trusts."""

    @model_validator(mode="after")
    def _ports_differ(self) -> Self:
        if self.internal_port == self.http_port:
            raise ValueError("SEGOPS_INTERNAL_PORT must differ from SEGOPS_HTTP_PORT")
        return self

    @field_validator("traces_url")
    @classmethod
    def _traces_can_be_sent(cls, url: str) -> str:
        if url and urlsplit(url).scheme not in ("http", "https"):
            raise ValueError("must begin with http:// or https://")
        if url and find_spec("opentelemetry.sdk") is None:
            raise ValueError("needs the OpenTelemetry SDK: install requirements/images/traces.lock, or leave it empty")
        return url

    @field_validator("redis_url")
    @classmethod
    def _redis_can_be_opened(cls, url: str) -> str:
        if url:
            redis_address(url)
        return url

    def require(self, role: str) -> Self:
        """Return the settings. Raises ValueError with the variables that the role needs and that are not set."""
        missing = [name for name in self.needs[role] if getattr(self, name) == type(self).model_fields[name].default]
        if missing:
            names = ", ".join(f"SEGOPS_{name.upper()}" for name in missing)
            raise ValueError(f"{names} must be set for the role `{role}`")
        return self

    @property
    def redis_access(self) -> RedisAccess:
        """What a client of Redis needs beyond its address."""
        return RedisAccess(
            ca_file=self.ca_file,
            timeout_s=self.redis_timeout_s,
            connect_timeout_s=self.redis_connect_timeout_s,
            sentinel_user=self.redis_sentinel_user,
            sentinel_password=self.redis_sentinel_password.get_secret_value(),
        )

    @property
    def requests(self) -> Quota:
        """The rate limits of requests that no other limit counts."""
        return Quota(per_key=self.requests_per_key, per_tenant=self.requests_per_tenant)


class PostgresSettings(ServiceSettings):
    """Settings of a service with tables in PostgreSQL."""

    postgres_url: str = ""
    """Connects as the service's role, which owns nothing and sees only rows of the tenants of a transaction."""
    migrate_postgres_url: str = ""
    """Connects as the owner of the tables. Only `migrate` needs it, so only `migrate` should get it."""
    postgres_pooler: Pooler = "none"
    """`transaction` behind a pooler that gives each transaction a connection, such as PgBouncer."""

    @field_validator("postgres_url", "migrate_postgres_url")
    @classmethod
    def _postgres_can_be_opened(cls, url: str) -> str:
        if url:
            postgres_target(url)
        return url

    @property
    def postgres_access(self) -> PostgresAccess:
        """What a client of PostgreSQL needs beyond its address."""
        return PostgresAccess(ca_file=self.ca_file, pooler=self.postgres_pooler)


def _clickhouse(url: str) -> str:
    if url:
        clickhouse_address(url)
    return url


ClickHouseUrl = Annotated[str, AfterValidator(_clickhouse)]
"""`http://user:password@host:port/database`, or `https://…` for TLS. The shards of a cluster are separated by commas."""

ClusterName = Annotated[str, Field(min_length=1)]


class StreamServiceSettings(ServiceSettings):
    """Settings of a service that uses the event log and asks auth who its callers are."""

    env: Literal["production", "test"] = "production"
    event_log_url: str = ""
    kafka_user: str = ""
    """The user that signs in to Kafka by SASL; empty: none does."""
    kafka_password: SecretStr = SecretStr("")
    kafka_sasl_mechanism: SaslMechanism = "SCRAM-SHA-512"
    auth_url: str = ""
    crash_at: str = ""
    """Named points at which the process ends, for fault tests; only accepted when `env` is test."""

    @model_validator(mode="after")
    def _event_log_can_be_opened(self) -> Self:
        if not self.event_log_url:
            return self
        try:
            address = log_address(self.event_log_url)
        except ValueError as error:
            raise ValueError(f"SEGOPS_EVENT_LOG_URL {error}") from error
        password = self.kafka_password.get_secret_value()
        if bool(self.kafka_user) != bool(password):
            raise ValueError("SEGOPS_KAFKA_USER and SEGOPS_KAFKA_PASSWORD must both be set, or neither")
        if self.kafka_user and self.kafka_sasl_mechanism == "PLAIN" and not address.uses_tls:
            raise ValueError(
                "SEGOPS_EVENT_LOG_URL must begin with kafkas:// for SEGOPS_KAFKA_SASL_MECHANISM=PLAIN, which sends the"
                " password itself; SCRAM-SHA-512 works without TLS"
            )
        return self

    @property
    def log_access(self) -> LogAccess:
        """What a client of the event log needs beyond its address."""
        login = None
        if self.kafka_user:
            password = self.kafka_password.get_secret_value()
            login = KafkaLogin(user=self.kafka_user, password=password, mechanism=self.kafka_sasl_mechanism)
        return LogAccess(ca_file=self.ca_file, kafka_login=login)
