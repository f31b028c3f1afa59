"""The exits of erased people, table `membership.erased_exits`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.contracts.person_hash import PersonHash
from segops_common.security.sealing import Sealer
from segops_common.stores.postgres import write_session
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.adapters.postgres.sessions import reading, transaction
from segops_membership.domain.members.changes import ChangePosition, MemberChange
from segops_membership.domain.privacy.exits import ErasedExit, place_of, sequence_of
from segops_membership.ports.errors import EngineUnavailable

ROLE: Final = "segops_membership_erasures"
"""Removes old exits of all tenants."""
_ADD: Final = sa.text("""
    INSERT INTO membership.erased_exits
        (tenant_id, number, publication_run_id, segment_id, run_id, version, subject, sealed, at)
    VALUES (:tenant_id, :number, :publication_run_id, :segment_id, :run_id, :version, :subject, :sealed, :at)
    ON CONFLICT DO NOTHING""")
_BETWEEN: Final = sa.text("""
    SELECT * FROM membership.erased_exits
    WHERE tenant_id = :tenant_id AND (number, sequence) > (:number, :sequence)
        AND (number, sequence) <= (:last_number, :last_sequence)
        AND (CAST(:segment_id AS bigint) IS NULL OR segment_id = :segment_id)
    ORDER BY number, sequence LIMIT :limit""")
_END: Final = sa.text("""
    SELECT coalesce(max(sequence), 0) FROM membership.erased_exits WHERE tenant_id = :tenant_id AND number = :number""")
_FORGET: Final = sa.text("DELETE FROM membership.erased_exits WHERE at < :before")


class PostgresErasedExits:
    """See the port `ErasedExits`. Ids are stored encrypted with `key`, the key of suppressions."""

    def __init__(self, *, engine: AsyncEngine, key: str) -> None:
        self._engine = engine
        self._hash = PersonHash(key=key)
        self._sealer = Sealer(secret=key, purpose="erased exits")

    async def add(self, tenant_id: int, after: ChangePosition, exits: Sequence[ErasedExit], at: datetime) -> None:
        """See the port."""
        rows = [
            {
                "tenant_id": tenant_id,
                "number": after.number,
                "publication_run_id": after.run_id,
                "segment_id": exited.segment_id,
                "run_id": exited.run_id,
                "version": exited.version,
                "subject": (subject := self._hash.of(tenant_id, exited.user_id)),
                "sealed": self._sealer.seal(exited.user_id, subject),
                "at": at,
            }
            for exited in exits
        ]
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_ADD, rows)

    async def between(
        self, tenant_id: int, start: ChangePosition, end: ChangePosition, *, limit: int, segment_id: int | None = None
    ) -> Sequence[MemberChange]:
        """See the port."""
        values = {
            "tenant_id": tenant_id,
            "number": start.number,
            "sequence": sequence_of(start),
            "last_number": end.number,
            "last_sequence": sequence_of(end),
            "segment_id": segment_id,
            "limit": limit,
        }
        async with reading(self._engine, tenant_id) as session:
            return [self._change(row) for row in await session.execute(_BETWEEN, values)]

    async def end(self, tenant_id: int, after: ChangePosition) -> ChangePosition:
        """See the port."""
        async with reading(self._engine, tenant_id) as session:
            last = await session.scalar(_END, {"tenant_id": tenant_id, "number": after.number})
        return place_of(after, int(last or 0))

    async def forget(self, before: datetime) -> None:
        """See the port."""
        with driver_errors():
            async with write_session(self._engine) as session:
                await session.enter_role(ROLE)
                await session.execute(_FORGET, {"before": before})

    def _change(self, row: sa.Row[Any]) -> MemberChange:
        try:
            user_id = self._sealer.open(bytes(row.sealed), row.subject)
        except ValueError as error:
            raise EngineUnavailable("SEGOPS_SUPPRESSION_KEY must be the one with which people were erased") from error
        exited = ErasedExit(user_id=user_id, segment_id=row.segment_id, run_id=row.run_id, version=row.version)
        return exited.change(place_of(ChangePosition(row.number, row.publication_run_id), row.sequence), row.at)
