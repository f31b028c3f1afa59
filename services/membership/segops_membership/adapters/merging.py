"""Composes the use cases about the ids of persons on PostgreSQL and ClickHouse."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.audit.trail import AuditTrail
from segops_common.core.clock import Clock
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.identity.merges import ClickHouseMergeProjection
from segops_membership.adapters.postgres.identity_merges import PostgresMergeStore
from segops_membership.service.identity.merges import Merges
from segops_membership.service.identity.person_ids import PersonIds
from segops_membership.service.identity.persons import Persons
from segops_membership.service.identity.projection import ProjectedMerges


def projected_merges_on(engine: AsyncEngine, clickhouse: ClickHouse) -> ProjectedMerges:
    """Return what brings the projection up to date; `clickhouse` may write to it."""
    projection = ClickHouseMergeProjection(clickhouse=clickhouse)
    return ProjectedMerges(store=PostgresMergeStore(engine=engine), projection=projection)


def merges_on(engine: AsyncEngine, clickhouse: ClickHouse, audit: AuditTrail, clock: Clock) -> Merges:
    """Return the use case that merges users."""
    projected = projected_merges_on(engine, clickhouse)
    return Merges(store=PostgresMergeStore(engine=engine), projected=projected, audit=audit, clock=clock)


def person_ids_on(engine: AsyncEngine, clickhouse: ClickHouse, clock: Clock) -> PersonIds:
    """Return the use case that lists the ids of a person."""
    persons = Persons(reader=ClickHouseJoinReader(clickhouse=clickhouse))
    return PersonIds(persons=persons, merges=PostgresMergeStore(engine=engine), clock=clock)
