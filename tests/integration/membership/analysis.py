"""Previews, plans and overlaps on the engines of a stack."""

from __future__ import annotations

from datetime import timedelta

from segops_common.contracts.jobs import SegmentChanged
from segops_common.core.clock import SystemClock
from segops_language import Group
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation, ClickHouseProfiles
from segops_membership.adapters.clickhouse.observed_events import ClickHouseObserved
from segops_membership.adapters.clickhouse.static_lists import StoredStaticLists
from segops_membership.adapters.log.ingest_watermark import LogIntake
from segops_membership.adapters.postgres.definitions import PostgresDefinitions
from segops_membership.service.admission import Admission
from segops_membership.service.atom_cache import AtomCache
from segops_membership.service.leases import Leases
from segops_membership.service.moments import Moments
from segops_membership.service.overlaps import Overlaps
from segops_membership.service.previews import PREVIEW_TIMEOUT_S, Previews
from segops_membership.service.static_lists import ListsAtHand
from segops_membership.service.use_cases import UseCases
from tests.integration.membership.stack import Stack, explain_on

SERVICE_TOKEN = "service"


def use_cases_of(stack: Stack, *, admission: Admission | None = None, timeout_s: float = PREVIEW_TIMEOUT_S) -> UseCases:
    """All use cases, as an API process has them; its cache is new."""
    clock = SystemClock()
    definitions = PostgresDefinitions(engine=stack.engine)
    profiles = ClickHouseProfiles(clickhouse=stack.clickhouse)
    lists = ListsAtHand(
        lists=StoredStaticLists(clickhouse=stack.clickhouse, engine=stack.engine), clock=clock, wait_s=0.5
    )
    gate = admission or Admission()
    moments = Moments(
        cache=AtomCache(clock=clock),
        leases=Leases(ledger=stack.ledger, holder="api", ttl=timedelta(seconds=10), clock=clock),
        ledger=stack.ledger,
        intake=LogIntake(log=stack.log, clock=clock),
        lists=lists,
        profiles=profiles,
        evaluation=ClickHouseEvaluation(clickhouse=stack.clickhouse, timeout_s=timeout_s),
        clock=clock,
    )
    return UseCases(
        explain=explain_on(stack),
        lookup=stack.lookup,
        previews=Previews(definitions=definitions, lists=lists, moments=moments, profiles=profiles, admission=gate),
        overlaps=Overlaps(definitions=definitions, ledger=stack.ledger, runs=stack.runs, admission=gate),
        observed=ClickHouseObserved(clickhouse=stack.clickhouse),
        service_token=SERVICE_TOKEN,
    )


async def announce(stack: Stack, tenant: int, segments: dict[int, Group], *, version: int = 1) -> None:
    """Let the present definitions be these."""
    changes = [
        SegmentChanged(
            tenant_id=tenant, segment_id=id, version=version, definition=each, refresh="manual", deleted=False
        )
        for id, each in segments.items()
    ]
    await PostgresDefinitions(engine=stack.engine).keep(changes)
