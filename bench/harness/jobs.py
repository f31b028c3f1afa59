"""Whole runs of a worker, on a warehouse and a PostgreSQL, with an event log in memory."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import timedelta
from itertools import count
from typing import Any

from sqlalchemy.ext.asyncio import AsyncEngine

from bench.harness.history import AS_OF, TENANT
from segops_common.contracts.jobs import ComputeJob, JobSegment
from segops_common.contracts.topics import COMPUTE_RESULTS, EVENTS, MEMBERSHIP_CHANGES
from segops_common.core.clock import SystemClock
from segops_common.core.faults import NO_FAULTS
from segops_common.stores.clickhouse import ClickHouse
from segops_common.streams.memory import MemoryEventLog
from segops_common.telemetry.metrics import Metrics
from segops_language import Group
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles
from segops_membership.adapters.clickhouse.run_results import ClickHouseRunResults
from segops_membership.adapters.clickhouse.static_lists import StoredStaticLists
from segops_membership.adapters.log.ingest_watermark import LogIngestWatermark
from segops_membership.adapters.log.reporter import LogReporter
from segops_membership.adapters.merging import projected_merges_on
from segops_membership.adapters.postgres.profile_numbers import PostgresProfileNumberSequence
from segops_membership.adapters.postgres.publication_log import PostgresPublicationLog
from segops_membership.adapters.postgres.tenant_leases import PostgresTenantLeases
from segops_membership.service.compute.run import ComputeRun
from segops_membership.service.profile_numbering import ProfileNumbering
from segops_membership.service.publish.publisher import Publisher
from segops_membership.service.static_lists import StaticListVersions
from segops_membership.service.tenant_lease import LeaseHolder


class _DiscardingSignal:
    """Discards reports of new publications: a benchmark has no readers."""

    async def raise_to(self, tenant_id: int, number: int) -> None:
        """See the port `PublicationSignal`."""


async def runs_on(clickhouse: ClickHouse, engine: AsyncEngine) -> Callable[[int, Group], Coroutine[Any, Any, None]]:
    """Return a function that computes a definition as the segment with an id, in its own run."""
    clock = SystemClock()
    log = MemoryEventLog(clock=clock)
    await log.ensure_topics([EVENTS, COMPUTE_RESULTS, MEMBERSHIP_CHANGES])
    leases = LeaseHolder(
        leases=PostgresTenantLeases(engine=engine), holder="bench", ttl=timedelta(seconds=30), clock=clock
    )
    publications = PostgresPublicationLog(engine=engine)
    results = ClickHouseRunResults(clickhouse=clickhouse)
    lists = StoredStaticLists(clickhouse=clickhouse, engine=engine)
    numbering = ProfileNumbering(
        leases=leases,
        sequence=PostgresProfileNumberSequence(engine=engine),
        profiles=ClickHouseProfiles(clickhouse=clickhouse),
        faults=NO_FAULTS,
    )
    publisher = Publisher(
        publications=publications,
        results=results,
        reporter=LogReporter(log=log, metrics=Metrics()),
        signal=_DiscardingSignal(),
        faults=NO_FAULTS,
    )
    compute = ComputeRun(
        leases=leases,
        publications=publications,
        watermark=LogIngestWatermark(log=log, clock=clock),
        lists=StaticListVersions(lists=lists, clock=clock),
        numbering=numbering,
        merges=projected_merges_on(engine, clickhouse),
        evaluation=ClickHouseEvaluation(clickhouse=clickhouse),
        results=results,
        publisher=publisher,
        clock=clock,
        metrics=Metrics(),
    )
    run_ids = count(1)

    async def run(segment_id: int, definition: Group) -> None:
        segment = JobSegment(id=segment_id, version=1, definition=definition)
        job = ComputeJob(
            run_id=next(run_ids), tenant_id=TENANT, segments=(segment,), as_of=AS_OF, requested_by="user:1"
        )
        await compute.run(job)

    return run
