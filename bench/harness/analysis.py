"""Previews and explanations as the API makes them, on a warehouse and a PostgreSQL."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.topics import EVENTS
from segops_common.core.clock import SystemClock
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.memory import MemoryEventLog
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation, ClickHouseProfiles
from segops_membership.adapters.clickhouse.profile_events import ClickHouseProfileEvents
from segops_membership.adapters.clickhouse.static_lists import StoredStaticLists
from segops_membership.adapters.log.ingest_watermark import LogIntake
from segops_membership.adapters.postgres.definitions import PostgresDefinitions
from segops_membership.adapters.postgres.ledger import PostgresLedger
from segops_membership.service.admission import Admission
from segops_membership.service.atom_cache import AtomCache
from segops_membership.service.explain import Explain
from segops_membership.service.leases import Leases
from segops_membership.service.moments import Moments
from segops_membership.service.previews import Previews
from segops_membership.service.static_lists import ListsAtHand


async def previews_on(clickhouse: ClickHouse, engine: AsyncEngine) -> Previews:
    """With an empty cache, and nothing on its way into the warehouse."""
    clock = SystemClock()
    log = MemoryEventLog(clock=clock)
    await log.ensure_topics([EVENTS])
    lists = ListsAtHand(lists=StoredStaticLists(clickhouse=clickhouse, engine=engine), clock=clock)
    ledger = PostgresLedger(engine=engine)
    profiles = ClickHouseProfiles(clickhouse=clickhouse)
    moments = Moments(
        cache=AtomCache(clock=clock),
        leases=Leases(ledger=ledger, holder="bench", ttl=timedelta(seconds=30), clock=clock),
        ledger=ledger,
        intake=LogIntake(log=log, clock=clock),
        lists=lists,
        profiles=profiles,
        evaluation=ClickHouseEvaluation(clickhouse=clickhouse),
        clock=clock,
    )
    return Previews(
        definitions=PostgresDefinitions(engine=engine),
        lists=lists,
        moments=moments,
        profiles=profiles,
        admission=Admission(),
    )


def explain_on(clickhouse: ClickHouse, engine: AsyncEngine) -> Explain:
    """As of any instant."""
    return Explain(
        definitions=PostgresDefinitions(engine=engine),
        lists=StoredStaticLists(clickhouse=clickhouse, engine=engine),
        events=ClickHouseProfileEvents(clickhouse=clickhouse),
        clock=SystemClock(),
    )
