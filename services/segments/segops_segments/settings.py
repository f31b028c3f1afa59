"""Configuration of segments, read from SEGOPS_* environment variables."""

from __future__ import annotations

from datetime import timedelta

from segops_common.runtime.settings import PostgresSettings, StreamServiceSettings


class Settings(PostgresSettings, StreamServiceSettings):
    """What segments needs beyond the settings that services share."""

    membership_url: str
    run_lease: timedelta = timedelta(minutes=15)
    """How long a run may be silent before it is requested again: longer than the longest run."""
