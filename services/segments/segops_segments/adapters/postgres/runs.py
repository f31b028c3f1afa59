"""Runs in PostgreSQL: one row for each part."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from segops_segments.adapters.postgres.rows import part_of, part_values, runs_of
from segops_segments.adapters.postgres.sessions import SessionReads, SessionWrites
from segops_segments.adapters.postgres.tables import SERVED, SETTLED, runs
from segops_segments.domain.run import Run, RunPart, RunRequest

_NEXT_RUN_ID: Final = sa.text("SELECT nextval(pg_get_serial_sequence('segments.runs', 'id'))")


class RunReads(SessionReads):
    """See the port `RunReader`."""

    async def find_run(self, tenant_id: int, run_id: int) -> Run | None:
        query = sa.select(runs).where(runs.c.tenant_id == tenant_id, runs.c.id == run_id)
        matches = runs_of((await self._execute(tenant_id, query)).mappings())
        return matches[0] if matches else None

    async def list_runs(self, tenant_id: int, segment_id: int, before: int, limit: int) -> Sequence[RunPart]:
        query = (
            sa.select(runs)
            .where(runs.c.tenant_id == tenant_id, runs.c.segment_id == segment_id, runs.c.id < before)
            .order_by(runs.c.id.desc())
            .limit(limit)
        )
        return [part_of(row) for row in (await self._execute(tenant_id, query)).mappings()]

    async def served_run(self, tenant_id: int, segment_id: int) -> RunPart | None:
        return await self._newest_part(tenant_id, segment_id, SERVED)

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
