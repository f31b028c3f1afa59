"""What the environment says."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal, Self

from pydantic import Field, SecretStr, model_validator
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
    event_log_url: str
    auth_url: str
    membership_url: str
    service_token: SecretStr
    crash_at: str = ""
    """Named points at which the process ends, for fault tests; refused unless `env` is test."""
    run_lease: timedelta = timedelta(minutes=15)
    """How long a run may be silent before it is announced again: more than the longest compute may take."""

    @model_validator(mode="after")
    def _crash_only_in_tests(self) -> Self:
        if self.crash_at and self.env != "test":
            raise ValueError("SEGOPS_CRASH_AT is only for SEGOPS_ENV=test")
        return self
