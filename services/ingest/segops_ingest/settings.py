"""Configuration of ingest, read from SEGOPS_* environment variables."""

from __future__ import annotations

from segops_common.runtime.settings import StreamServiceSettings


class Settings(StreamServiceSettings):
    """What ingest needs beyond the settings that services share."""

    clickhouse_url: str
