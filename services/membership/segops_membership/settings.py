"""What the environment says."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Variables SEGOPS_*; a missing one stops the start and is named."""

    model_config = SettingsConfigDict(env_prefix="SEGOPS_")

    env: Literal["production", "test"] = "production"
    http_host: str = "127.0.0.1"
    http_port: int = 8000
    drain_s: float = Field(default=5.0, ge=0)
    """Seconds for which a stopping API still serves, so that every balancer has seen that it is not ready."""
    postgres_url: str
    redis_url: str
    clickhouse_url: str
    event_log_url: str
    auth_url: str
    service_token: SecretStr
    tenant_lease_s: Annotated[float, Field(ge=1, le=600)] = 30.0
    """How long a tenant waits for another worker after its own has died; renewed every third of it."""
    evaluation_memory_bytes: Annotated[int, Field(ge=16 * 1024**2)] = 4 * 1024**3
    """How much memory ClickHouse may take for one statement of a run; beyond it the users are asked part by part."""
    crash_at: str = ""
    """Named points at which the process ends, for fault tests; refused unless `env` is test."""
