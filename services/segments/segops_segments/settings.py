"""Configuration of segments, read from SEGOPS_* environment variables."""

from __future__ import annotations

from datetime import timedelta

from segops_common.core.rate_limit import Quota
from segops_common.runtime.settings import PerMinute, PostgresSettings, StreamServiceSettings


class Settings(PostgresSettings, StreamServiceSettings):
    """What segments needs beyond the settings that services share."""

    membership_url: str
    computes_per_key: PerMinute = 6_000
    """Segments to compute per API key or user and minute, and as many at once."""
    computes_per_tenant: PerMinute = 12_000
    run_lease: timedelta = timedelta(minutes=15)
    """How long a run may be silent before it is requested again: longer than the longest run."""

    @property
    def computes(self) -> Quota:
        """The rate limits of computes."""
        return Quota(per_key=self.computes_per_key, per_tenant=self.computes_per_tenant)
