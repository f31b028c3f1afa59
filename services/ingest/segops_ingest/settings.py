"""Configuration of ingest, read from SEGOPS_* environment variables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Self

from pydantic import Field, SecretStr

from segops_common.core.rate_limit import Quota
from segops_common.runtime.settings import ClickHouseUrl, ClusterName, LongSecret, PerMinute, StreamServiceSettings
from segops_common.stores.redis_address import redis_address


class Settings(StreamServiceSettings):
    """What ingest needs beyond the settings that services share."""

    needs: ClassVar[Mapping[str, Sequence[str]]] = {
        "api": ("redis_url", "event_log_url", "clickhouse_url", "auth_url", "segments_url", "service_token"),
        "sink": ("event_log_url", "clickhouse_url"),
        "migrate": ("event_log_url", "clickhouse_url"),
    }

    clickhouse_url: ClickHouseUrl = ""
    clickhouse_cluster: ClusterName = "segops"
    """The name of the cluster in `remote_servers`, if the address names several shards. Only `migrate` reads it."""
    segments_url: str = ""
    event_memory_url: str = ""
    """The Redis that remembers deliveries, if not the one of `redis_url`: one persistent server."""
    event_memory_timeout_s: Annotated[float, Field(gt=0, le=10)] = 1.0
    """How long remembering a delivery may take. Then an event that must be remembered is refused with 503."""
    suppression_key: LongSecret = SecretStr("")
    """The key of the hashes by which erased people are known: the same for ingest and membership, and never changed. Without it,
    nobody can be erased."""
    events_per_key: PerMinute = 1_200_000
    """Events per API key and minute, and as many at once."""
    events_per_tenant: PerMinute = 3_000_000

    def require(self, role: str) -> Self:
        """Return the settings. Raises ValueError also for an API whose memory of deliveries could forget some."""
        super().require(role)
        if role == "api":
            self._check_memory()
        return self

    def _check_memory(self) -> None:
        name = "SEGOPS_EVENT_MEMORY_URL" if self.event_memory_url else "SEGOPS_REDIS_URL"
        try:
            address = redis_address(self.memory_url)
        except ValueError as error:
            raise ValueError(f"{name} {error}") from error
        if address.kind != "server":
            raise ValueError(
                "SEGOPS_EVENT_MEMORY_URL must be redis:// or rediss://, one persistent server: a failover of Sentinels or"
                " of a cluster may forget deliveries that were answered with 202, and their repetitions would count twice"
            )

    @property
    def memory_url(self) -> str:
        """The address of the Redis that remembers deliveries."""
        return self.event_memory_url or self.redis_url

    @property
    def events(self) -> Quota:
        """The rate limits of events."""
        return Quota(per_key=self.events_per_key, per_tenant=self.events_per_tenant)
