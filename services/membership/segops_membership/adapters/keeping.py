"""The retention of events on PostgreSQL and ClickHouse."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.core.clock import Clock
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.clickhouse.privacy.expired_events import ClickHouseExpiredEvents
from segops_membership.adapters.postgres.privacy.retention import PostgresRetentions
from segops_membership.service.privacy.erasures import ErasePeople
from segops_membership.service.privacy.retention import KeepEvents, RemoveExpired


def keep_events_on(engine: AsyncEngine, erase: ErasePeople, clock: Clock) -> KeepEvents:
    """Return the use cases of retention."""
    return KeepEvents(retentions=PostgresRetentions(engine=engine), erase=erase, clock=clock)


def remove_expired_on(clickhouse: ClickHouse, engine: AsyncEngine, clock: Clock) -> RemoveExpired:
    """Return what removes events that are older than their retention."""
    events = ClickHouseExpiredEvents(clickhouse=clickhouse)
    return RemoveExpired(retentions=PostgresRetentions(engine=engine), events=events, clock=clock)
