"""Composes the use cases about the ids of persons on PostgreSQL and ClickHouse."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.audit.trail import AuditTrail
from segops_common.core.clock import Clock
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.identity.merges import ClickHouseMergeProjection
from segops_membership.adapters.clickhouse.privacy.suppressions import person_hash_of, suppressions_on
from segops_membership.adapters.postgres.identity_merges import PostgresMergeStore
from segops_membership.service.identity.mergeable import MergeableIds
from segops_membership.service.identity.merges import Merges
from segops_membership.service.identity.person_ids import PersonIds
from segops_membership.service.identity.persons import Persons
from segops_membership.service.identity.projection import ProjectedMerges


def projected_merges_on(engine: AsyncEngine, clickhouse: ClickHouse) -> ProjectedMerges:
    """Return what brings the projection up to date; `clickhouse` may write to it."""
    projection = ClickHouseMergeProjection(clickhouse=clickhouse)
    return ProjectedMerges(store=PostgresMergeStore(engine=engine), projection=projection)


def merges_on(
    engine: AsyncEngine, clickhouse: ClickHouse, reading: ClickHouse, audit: AuditTrail, key: str, clock: Clock
) -> Merges:
    """Return the use case that merges users. `clickhouse` may write merges; `key` is the one of suppressions."""
    store = PostgresMergeStore(engine=engine)
    mergeable = MergeableIds(
        persons=Persons(reader=ClickHouseJoinReader(clickhouse=reading)),
        merges=store,
        suppressions=suppressions_on(clickhouse, key),
        person_hash=person_hash_of(key),
        clock=clock,
    )
    projected = projected_merges_on(engine, clickhouse)
    return Merges(store=store, projected=projected, mergeable=mergeable, audit=audit, clock=clock)


def person_ids_on(engine: AsyncEngine, clickhouse: ClickHouse, clock: Clock) -> PersonIds:
    """Return the use case that lists the ids of a person."""
    persons = Persons(reader=ClickHouseJoinReader(clickhouse=clickhouse))
    return PersonIds(persons=persons, merges=PostgresMergeStore(engine=engine), clock=clock)
