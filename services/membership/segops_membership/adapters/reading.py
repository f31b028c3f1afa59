"""Composes what reads one user: look-ups, and the loader of profiles."""

from __future__ import annotations

from segops_common.core.clock import Clock
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.log import EventLog
from segops_common.telemetry.metrics import Metrics
from segops_membership.adapters.clickhouse.identity.join_reader import ClickHouseJoinReader
from segops_membership.adapters.clickhouse.membership_reader import ClickHouseMembershipReader
from segops_membership.adapters.log.unstored_events import LogUnstoredEvents
from segops_membership.ports.events import ProfileEvents
from segops_membership.ports.membership import MembershipCache
from segops_membership.ports.static_lists import StaticLists
from segops_membership.service.identity.persons import Persons
from segops_membership.service.lookup.lookup import Lookup
from segops_membership.service.lookup.publication_watermark import PublicationWatermark
from segops_membership.service.profile_loader import ProfileLoader


def lookup_on(clickhouse: ClickHouse, cache: MembershipCache, clock: Clock, metrics: Metrics) -> Lookup:
    """Return the use case of look-ups."""
    reader = ClickHouseMembershipReader(clickhouse=clickhouse)
    return Lookup(
        reader=reader,
        persons=Persons(reader=ClickHouseJoinReader(clickhouse=clickhouse)),
        cache=cache,
        watermark=PublicationWatermark(reader=reader, clock=clock),
        clock=clock,
        metrics=metrics,
    )


def loader_on(clickhouse: ClickHouse, stored: ProfileEvents, log: EventLog, lists: StaticLists) -> ProfileLoader:
    """Return the loader of profiles."""
    persons = Persons(reader=ClickHouseJoinReader(clickhouse=clickhouse))
    return ProfileLoader(stored=stored, unstored=LogUnstoredEvents(log=log), lists=lists, persons=persons)
