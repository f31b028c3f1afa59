"""Configuration of segments, read from SEGOPS_* environment variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import ClassVar

from segops_common.core.rate_limit import Quota
from segops_common.runtime.settings import PerMinute, PostgresSettings, StreamServiceSettings


class Settings(PostgresSettings, StreamServiceSettings):
    """What segments needs beyond the settings that services share."""

    needs: ClassVar[Mapping[str, Sequence[str]]] = {
        "api": ("postgres_url", "redis_url", "auth_url", "membership_url", "service_token"),
        "outbox": ("postgres_url", "event_log_url"),
        "results": ("postgres_url", "event_log_url"),
        "migrate": ("migrate_postgres_url", "event_log_url"),
    }

    membership_url: str = ""
    computes_per_key: PerMinute = 6_000
    """Segments to compute per API key or user and minute, and as many at once."""
    computes_per_tenant: PerMinute = 12_000
    run_lease: timedelta = timedelta(minutes=15)
    """How long a run may be silent before it is requested again: longer than the longest run."""

    @property
    def computes(self) -> Quota:
        """The rate limits of computes."""
        return Quota(per_key=self.computes_per_key, per_tenant=self.computes_per_tenant)
