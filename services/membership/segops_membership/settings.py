"""Configuration of membership, read from SEGOPS_* environment variables."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from segops_common.core.rate_limit import Quota
from segops_common.runtime.settings import PerMinute, PostgresSettings, StreamServiceSettings


class Settings(PostgresSettings, StreamServiceSettings):
    """What membership needs beyond the settings that services share."""

    clickhouse_url: str
    lookups_per_key: PerMinute = 600_000
    """Lookups per API key or user and minute, and as many at once."""
    lookups_per_tenant: PerMinute = 1_200_000
    analyses_per_key: PerMinute = 600
    """Previews, plans, overlaps and explanations per API key or user and minute, and as many at once."""
    analyses_per_tenant: PerMinute = 1_200
    clickhouse_reader_url: str | None = None
    """The address for a user who may only read, whose statements end with their callers; `clickhouse_url` if unset."""
    tenant_lease_s: Annotated[float, Field(ge=1, le=600)] = 30.0
    """How long a tenant waits for another worker after its own has died. A lease is renewed every third of it."""
    ingest_wait_s: Annotated[float, Field(ge=0, le=600)] = 30.0
    """How long a run waits until the events acknowledged before it are stored. Then it goes on, as an incomplete run."""
    evaluation_memory_bytes: Annotated[int, Field(ge=16 * 1024**2)] = 4 * 1024**3
    """Memory that one statement of a run may take in ClickHouse; a larger query is split by user key."""

    @property
    def lookups(self) -> Quota:
        """The rate limits of lookups."""
        return Quota(per_key=self.lookups_per_key, per_tenant=self.lookups_per_tenant)

    @property
    def analyses(self) -> Quota:
        """The rate limits of analyses."""
        return Quota(per_key=self.analyses_per_key, per_tenant=self.analyses_per_tenant)
