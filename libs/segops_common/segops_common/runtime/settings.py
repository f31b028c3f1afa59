"""Settings that several services share, read from SEGOPS_* environment variables."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, SecretStr
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from segops_common.core.rate_limit import Quota


def _listed(value: object) -> object:
    return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value


Networks = Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode, BeforeValidator(_listed)]
"""Networks such as `10.0.0.0/8`, separated by commas."""


PerMinute = Annotated[int, Field(ge=0, le=10_000_000)]
"""A rate limit: as many at once and as many per minute in the long run; 0 means without limit."""


class ServiceSettings(BaseSettings):
    """Settings of every service. A missing variable stops the start, and the error names it without any value."""

    model_config = SettingsConfigDict(env_prefix="SEGOPS_", hide_input_in_errors=True)

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least severe log lines that are written."""
    http_host: str = "127.0.0.1"
    http_port: int = 8000
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
    redis_url: str
    service_token: SecretStr
    """The shared secret of `/internal/` routes."""

    @property
    def requests(self) -> Quota:
        """The rate limits of requests that no other limit counts."""
        return Quota(per_key=self.requests_per_key, per_tenant=self.requests_per_tenant)


class PostgresSettings(ServiceSettings):
    """Settings of a service with tables in PostgreSQL."""

    postgres_url: str
    """Connects as the service's role, which owns nothing and sees only rows of the tenants of a transaction."""
    migrate_postgres_url: str = ""
    """Connects as the owner of the tables. Only `migrate` needs it, so only `migrate` should get it."""

    @property
    def owner_url(self) -> str:
        """The address for `migrate`. Raises ValueError when it is missing."""
        if not self.migrate_postgres_url:
            raise ValueError("SEGOPS_MIGRATE_POSTGRES_URL must be set for `migrate`: the address for the tables' owner")
        return self.migrate_postgres_url


class StreamServiceSettings(ServiceSettings):
    """Settings of a service that uses the event log and asks auth who its callers are."""

    env: Literal["production", "test"] = "production"
    event_log_url: str
    auth_url: str
    crash_at: str = ""
    """Named points at which the process ends, for fault tests; only accepted when `env` is test."""
