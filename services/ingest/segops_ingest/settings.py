"""Configuration of ingest, read from SEGOPS_* environment variables."""

from __future__ import annotations

from segops_common.core.rate_limit import Quota
from segops_common.runtime.settings import PerMinute, StreamServiceSettings


class Settings(StreamServiceSettings):
    """What ingest needs beyond the settings that services share."""

    clickhouse_url: str
    events_per_key: PerMinute = 1_200_000
    """Events per API key and minute, and as many at once."""
    events_per_tenant: PerMinute = 3_000_000

    @property
    def events(self) -> Quota:
        """The rate limits of events."""
        return Quota(per_key=self.events_per_key, per_tenant=self.events_per_tenant)
