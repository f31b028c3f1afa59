"""Runs in PostgreSQL: one row for each part."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from segops_common.contracts.http import OpenRuns
from segops_segments.adapters.postgres.rows import part_of, part_values, runs_of
from segops_segments.adapters.postgres.sessions import SessionReads, SessionWrites
from segops_segments.adapters.postgres.tables import OPEN, SERVED, SETTLED, runs
from segops_segments.domain.run import Run, RunPart, RunRequest
from segops_segments.domain.serving_status import ComputeState

_NEXT_RUN_ID: Final = sa.text("SELECT nextval(pg_get_serial_sequence('segments.runs', 'id'))")


class RunReads(SessionReads):
    """See the port `RunReader`."""

    async def find_run(self, tenant_id: int, run_id: int) -> Run | None:
        query = sa.select(runs).where(runs.c.tenant_id == tenant_id, runs.c.id == run_id)
        matches = runs_of((await self._execute(tenant_id, query)).mappings())
        return matches[0] if matches else None

    async def list_runs(
        self, tenant_id: int, segment_id: int, before: int, limit: int, *, offset: int = 0
    ) -> Sequence[RunPart]:
        query = (
            sa.select(runs)
            .where(runs.c.tenant_id == tenant_id, runs.c.segment_id == segment_id, runs.c.id < before)
            .order_by(runs.c.id.desc())
            .limit(limit)
            .offset(offset)
        )
        return [part_of(row) for row in (await self._execute(tenant_id, query)).mappings()]

    async def run_count(self, tenant_id: int, segment_id: int) -> int:
        query = sa.select(sa.func.count()).where(runs.c.tenant_id == tenant_id, runs.c.segment_id == segment_id)
        return int((await self._execute(tenant_id, query)).scalar_one())

    async def served_run(self, tenant_id: int, segment_id: int) -> RunPart | None:
        return await self._newest_part(tenant_id, segment_id, SERVED)

    async def compute_states(
        self, tenants: Collection[int], segment_ids: Collection[int]
    ) -> Mapping[int, ComputeState]:
        rows = (await self._execute(tenants, _select_compute_states(tenants, segment_ids))).mappings()
        return {row["segment_id"]: _compute_state_of(row) for row in rows}

    async def open_runs(self, tenant_id: int) -> OpenRuns:
        of_runs = (
            sa.select(sa.func.bool_or(runs.c.state == "running").label("is_running"))
            .where(runs.c.tenant_id == tenant_id, OPEN)
            .group_by(runs.c.id)
            .subquery()
        )
        is_running = of_runs.c.is_running
        query = sa.select(
            sa.func.count().filter(sa.not_(is_running)).label("queued"),
            sa.func.count().filter(is_running).label("running"),
        )
        return OpenRuns.model_validate(dict((await self._execute(tenant_id, query)).mappings().one()))

    async def settled_run(self, tenant_id: int, segment_id: int) -> RunPart | None:
        return await self._newest_part(tenant_id, segment_id, SETTLED)

    async def _newest_part(self, tenant_id: int, segment_id: int, condition: sa.TextClause) -> RunPart | None:
        query = (
            sa.select(runs)
            .where(runs.c.tenant_id == tenant_id, runs.c.segment_id == segment_id, condition)
            .order_by(runs.c.id.desc())
            .limit(1)
        )
        row = (await self._execute(tenant_id, query)).mappings().one_or_none()
        return None if row is None else part_of(row)


class RunWrites(SessionWrites, RunReads):
    """See the port `RunWriter`."""

    async def add_run(self, tenant_id: int, request: RunRequest, versions: Mapping[int, int]) -> Run:
        run_id = (await self._execute(tenant_id, _NEXT_RUN_ID)).scalar_one()
        run = Run.queue(run_id, tenant_id, request, versions)
        key = {"id": run_id, "tenant_id": tenant_id}
        rows = [key | {"segment_id": part.segment_id} | part_values(part) for part in run.parts]
        await self._execute(tenant_id, sa.insert(runs), rows)
        return run

    async def save_run(self, tenant_id: int, before: Run, after: Run) -> None:
        changed = after.changed_since(before)
        if not changed:
            return
        key = {"key_tenant": runs.c.tenant_id, "key_run": runs.c.id, "key_segment": runs.c.segment_id}
        own = [column == sa.bindparam(name, type_=sa.BigInteger) for name, column in key.items()]
        rows = [
            {"key_tenant": tenant_id, "key_run": part.run_id, "key_segment": part.segment_id, **part_values(part)}
            for part in changed
        ]
        await self._execute(tenant_id, sa.update(runs).where(*own), rows)

    async def queued_runs(self, tenant_id: int, segment_ids: Collection[int]) -> Sequence[Run]:
        queued = (
            sa.select(runs.c.id)
            .where(runs.c.tenant_id == tenant_id, runs.c.segment_id.in_(segment_ids))
            .where(runs.c.state == "queued", sa.not_(runs.c.fixed))
        )
        query = sa.select(runs).where(runs.c.tenant_id == tenant_id, runs.c.id.in_(queued)).order_by(runs.c.id)
        return runs_of((await self._execute(tenant_id, query)).mappings())


def _select_compute_states(tenants: Collection[int], segment_ids: Collection[int]) -> sa.Select[Any]:
    """Return the query for all segments at once: the newest run that published members, and whether a run is open."""
    ids = sa.func.unnest(sa.literal(list(segment_ids), ARRAY(sa.BigInteger))).table_valued(
        sa.column("segment_id", sa.BigInteger), name="ids"
    )
    keys = ids.render_derived()
    served = (
        sa.select(runs.c.finished_at, runs.c.outcome)
        .where(runs.c.tenant_id.in_(tenants), runs.c.segment_id == keys.c.segment_id, SERVED)
        .order_by(runs.c.id.desc())
        .limit(1)
        .lateral("served")
    )
    being_computed = keys.c.segment_id.in_(sa.select(runs.c.segment_id).where(runs.c.tenant_id.in_(tenants), OPEN))
    return (
        sa.select(keys.c.segment_id, served.c.finished_at, served.c.outcome, being_computed.label("is_computing"))
        .select_from(keys.outerjoin(served, sa.true()))
        .where(sa.or_(being_computed, served.c.finished_at.is_not(None)))
    )


def _compute_state_of(row: sa.RowMapping) -> ComputeState:
    return ComputeState(
        member_count=0 if row["outcome"] is None else row["outcome"]["size"],
        last_computed_at=row["finished_at"],
        is_computing=row["is_computing"],
    )
