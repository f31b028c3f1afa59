"""Activations, tables `membership.activations` and `membership.activation_deliveries`."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_common.security.sealing import Sealer
from segops_common.stores.postgres import WriteSession, write_session
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.adapters.postgres.activation_rows import delivery_of, position_of, settings_of
from segops_membership.adapters.postgres.sessions import reading, transaction
from segops_membership.domain.activations.activation import (
    Activation,
    Delivery,
    DeliveryFigures,
    Hold,
    HoldReason,
    Settings,
    Status,
)
from segops_membership.domain.members.changes import ChangePosition
from segops_membership.ports.activations.store import ActivationStatistics, ActivationTaken
from segops_membership.ports.errors import EngineUnavailable

ROLE: Final = "segops_membership_activations"
"""Takes activations of all tenants, counts them, and removes old deliveries."""
_LOCK: Final = sa.text("SELECT pg_advisory_xact_lock(hashtextextended('membership.activations', :tenant_id))")
_COUNT: Final = sa.text("""
    SELECT count(*) FROM membership.activations WHERE tenant_id = ANY(:tenant_ids)
        AND (CAST(:segment_id AS bigint) IS NULL OR segment_id = :segment_id)""")
_ADD: Final = sa.text("""
    INSERT INTO membership.activations
        (tenant_id, segment_id, connector, tenant_slug, settings, secret, status, created_at, updated_at)
    VALUES (:tenant_id, :segment_id, :connector, :tenant_slug, CAST(:settings AS jsonb), :secret, 'inactive', :at, :at)
    RETURNING *""")
_FIND: Final = sa.text("""
    SELECT * FROM membership.activations WHERE tenant_id = ANY(:tenant_ids) AND activation_id = :activation_id""")
_LIST: Final = sa.text("""
    SELECT * FROM membership.activations WHERE tenant_id = ANY(:tenant_ids) AND activation_id > :after
        AND (CAST(:segment_id AS bigint) IS NULL OR segment_id = :segment_id)
    ORDER BY activation_id LIMIT :limit OFFSET :offset""")
# Whoever has taken the activation cannot store anything any more, because the attempt is another one.
_CHANGE: Final = sa.text("""
    UPDATE membership.activations
    SET settings = CAST(:settings AS jsonb), secret = :secret, status = :status, position = CAST(:position AS jsonb),
        sent_size = CASE WHEN position IS NOT DISTINCT FROM CAST(:position AS jsonb) THEN sent_size END,
        left_out = CASE WHEN position IS NOT DISTINCT FROM CAST(:position AS jsonb) THEN left_out ELSE 0 END,
        hold = NULL, failures = 0, failing_since = NULL, last_error = NULL, updated_at = :at,
        attempt = attempt + 1, lease_until = NULL, due_at = clock_timestamp()
    WHERE tenant_id = :tenant_id AND activation_id = :activation_id""")
_REMOVE: Final = sa.text("""
    DELETE FROM membership.activations WHERE tenant_id = :tenant_id AND activation_id = :activation_id""")
_REMOVE_DELIVERIES: Final = sa.text("""
    DELETE FROM membership.activation_deliveries WHERE tenant_id = :tenant_id AND activation_id = :activation_id""")
_HURRY: Final = sa.text("""
    UPDATE membership.activations SET due_at = clock_timestamp(), test_id = coalesce(:test_id, test_id)
    WHERE tenant_id = :tenant_id AND activation_id = :activation_id""")
_DECIDE: Final = sa.text("""
    UPDATE membership.activations
    SET hold = NULL, approved_number = :number, position = coalesce(CAST(:position AS jsonb), position),
        sent_size = CASE WHEN CAST(:position AS jsonb) IS NULL THEN sent_size ELSE CAST(hold->>'size' AS bigint) END,
        due_at = clock_timestamp()
    WHERE tenant_id = :tenant_id AND activation_id = :activation_id AND CAST(hold->>'number' AS bigint) = :number
    RETURNING activation_id""")
# Only the database's clock decides when a lease expires: the clocks of processes may differ.
_TAKE: Final = sa.text("""
    UPDATE membership.activations SET attempt = attempt + 1, lease_until = clock_timestamp() + :lease
    WHERE activation_id = (
        SELECT activation_id FROM membership.activations
        WHERE (test_id IS NOT NULL OR (status = 'active' AND hold IS NULL)) AND due_at <= clock_timestamp()
            AND (lease_until IS NULL OR lease_until <= clock_timestamp()) AND tenant_id <> ALL(:busy)
        ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING *""")


def _held(changes: str) -> sa.TextClause:
    """Return the statement that changes an activation, if the attempt still has it."""
    key = "tenant_id = :tenant_id AND activation_id = :activation_id AND attempt = :attempt"
    return sa.text(" ".join(("UPDATE membership.activations SET", changes, "WHERE", key, "RETURNING activation_id")))


_RENEW: Final = _held("lease_until = clock_timestamp() + :lease")
_ADVANCE: Final = _held(
    "position = CAST(:position AS jsonb), sent_size = :sent_size, failures = 0, failing_since = NULL, last_error = NULL,"
    " last_synced_at = coalesce(:at, last_synced_at), left_out = left_out + :left_out"
)
_END_TEST: Final = _held("test_id = NULL")
_FAIL: Final = _held(
    "failures = failures + 1, failing_since = coalesce(failing_since, :at), last_error = :error, lease_until = NULL,"
    " due_at = clock_timestamp() + :delay, status = CASE WHEN :disable THEN 'disabled' ELSE status END"
)
_HOLD: Final = _held("hold = CAST(:hold AS jsonb), lease_until = NULL")
_RELEASE: Final = _held("lease_until = NULL, due_at = clock_timestamp() + :delay")
# The response may name somebody who is being erased, see `PostgresKeptResponses`.
_LOG: Final = sa.text("""
    INSERT INTO membership.activation_deliveries (tenant_id, activation_id, delivery_id, event, run_id, changes,
        is_success, status_code, duration_ms, error, response, at, left_out)
    VALUES (:tenant_id, :activation_id, :delivery_id, :event, :run_id, :changes, :is_success, :status_code, :duration_ms,
        :error, CASE WHEN CAST(:changes AS bigint) > 0 AND EXISTS (
            SELECT FROM membership.erasures WHERE tenant_id = :tenant_id
                AND (status <> 'complete' OR finished_at >= CAST(:at AS timestamptz) - interval '1 minute')
        ) THEN '' ELSE :response END, :at, :left_out)""")
_DELIVERIES: Final = sa.text("""
    SELECT * FROM membership.activation_deliveries
    WHERE tenant_id = :tenant_id AND activation_id = :activation_id AND id < :before
    ORDER BY id DESC LIMIT :limit OFFSET :offset""")
_COUNTS: Final = sa.text("""
    SELECT activation_id, count(*) AS count_all, count(*) FILTER (WHERE is_success) AS succeeded
    FROM membership.activation_deliveries WHERE tenant_id = :tenant_id GROUP BY activation_id""")
_NEWEST: Final = sa.text("""
    SELECT newest.* FROM membership.activations AS activations, LATERAL (
        SELECT * FROM membership.activation_deliveries AS deliveries
        WHERE deliveries.tenant_id = :tenant_id AND deliveries.activation_id = activations.activation_id
        ORDER BY id DESC LIMIT :newest) AS newest
    WHERE activations.tenant_id = :tenant_id ORDER BY newest.activation_id, newest.id DESC""")
_FORGET: Final = sa.text("DELETE FROM membership.activation_deliveries WHERE at < :before")
_STATISTICS: Final = sa.text("""
    SELECT count(*) FILTER (WHERE status = 'active' AND failures > 0) AS failing,
        coalesce(max(extract(epoch FROM clock_timestamp() - failing_since))
            FILTER (WHERE status = 'active' AND failures > 0), 0) AS oldest,
        count(*) FILTER (WHERE hold IS NOT NULL) AS held,
        coalesce(max(extract(epoch FROM clock_timestamp() - due_at)) FILTER (
            WHERE (test_id IS NOT NULL OR (status = 'active' AND hold IS NULL)) AND due_at <= clock_timestamp()
        ), 0) AS overdue
    FROM membership.activations""")


class PostgresActivations:
    """See the port `Activations`. Secrets are stored encrypted."""

    def __init__(self, *, engine: AsyncEngine, sealer: Sealer) -> None:
        self._engine = engine
        self._sealer = sealer

    async def add(
        self,
        tenant_id: int,
        segment_id: int,
        connector: str,
        tenant_slug: str,
        settings: Settings,
        at: datetime,
        *,
        limit: int,
    ) -> Activation | None:
        """See the port."""
        values = {
            "tenant_id": tenant_id,
            "segment_id": segment_id,
            "connector": connector,
            "tenant_slug": tenant_slug,
            "at": at,
            **self._stored(tenant_id, settings),
        }
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_LOCK, {"tenant_id": tenant_id})
            if int(await session.scalar(_COUNT, {"tenant_ids": [tenant_id], "segment_id": None}) or 0) >= limit:
                return None
            return self._activation((await session.execute(_ADD, values)).one())

    async def find(self, tenant_ids: Collection[int], activation_id: int) -> Activation | None:
        """See the port."""
        if not tenant_ids:
            return None
        async with reading(self._engine, tenant_ids) as session:
            values = {"tenant_ids": sorted(tenant_ids), "activation_id": activation_id}
            row = (await session.execute(_FIND, values)).one_or_none()
        return self._activation(row) if row else None

    async def of_tenants(
        self, tenant_ids: Collection[int], *, segment_id: int | None, after: int, limit: int, offset: int = 0
    ) -> Sequence[Activation]:
        """See the port."""
        if not tenant_ids:
            return []
        values = {
            "tenant_ids": sorted(tenant_ids),
            "segment_id": segment_id,
            "after": after,
            "limit": limit,
            "offset": offset,
        }
        async with reading(self._engine, tenant_ids) as session:
            return [self._activation(row) for row in await session.execute(_LIST, values)]

    async def count(self, tenant_ids: Collection[int], *, segment_id: int | None) -> int:
        """See the port."""
        if not tenant_ids:
            return 0
        async with reading(self._engine, tenant_ids) as session:
            values = {"tenant_ids": sorted(tenant_ids), "segment_id": segment_id}
            return int(await session.scalar(_COUNT, values) or 0)

    async def change(
        self,
        tenant_id: int,
        activation_id: int,
        settings: Settings,
        status: Status,
        position: ChangePosition | None,
        at: datetime,
    ) -> None:
        """See the port."""
        values = {
            "status": status.value,
            "position": position_of(position),
            "at": at,
            **self._stored(tenant_id, settings),
        }
        await self._execute(_CHANGE, tenant_id, activation_id, values)

    async def remove(self, tenant_id: int, activation_id: int) -> None:
        """See the port."""
        key = {"tenant_id": tenant_id, "activation_id": activation_id}
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(_REMOVE, key)
            await session.execute(_REMOVE_DELIVERIES, key)

    async def hurry(self, tenant_id: int, activation_id: int, test_id: str | None = None) -> None:
        """See the port."""
        await self._execute(_HURRY, tenant_id, activation_id, {"test_id": test_id})

    async def decide(self, tenant_id: int, activation_id: int, number: int, position: ChangePosition | None) -> bool:
        """See the port."""
        values = {
            "tenant_id": tenant_id,
            "activation_id": activation_id,
            "number": number,
            "position": position_of(position),
        }
        async with transaction(self._engine, tenant_id) as session:
            return await session.scalar(_DECIDE, values) is not None

    async def take(self, lease: timedelta, busy_tenants: Collection[int]) -> Activation | None:
        """See the port. Processes that take at the same time skip each other's rows."""
        async with self._for_all_tenants() as session:
            row = (await session.execute(_TAKE, {"lease": lease, "busy": sorted(busy_tenants)})).one_or_none()
        return self._activation(row) if row else None

    async def renew(self, tenant_id: int, activation_id: int, attempt: int, lease: timedelta) -> None:
        """See the port."""
        await self._change_held(_RENEW, tenant_id, activation_id, attempt, {"lease": lease})

    async def advance(
        self,
        tenant_id: int,
        activation_id: int,
        attempt: int,
        position: ChangePosition,
        sent_size: int | None,
        at: datetime | None,
        *,
        left_out: int = 0,
    ) -> None:
        """See the port."""
        values = {"position": position_of(position), "sent_size": sent_size, "at": at, "left_out": left_out}
        await self._change_held(_ADVANCE, tenant_id, activation_id, attempt, values)

    async def end_test(self, tenant_id: int, activation_id: int, attempt: int) -> None:
        """See the port."""
        await self._change_held(_END_TEST, tenant_id, activation_id, attempt, {})

    async def fail(
        self,
        tenant_id: int,
        activation_id: int,
        attempt: int,
        error: str,
        at: datetime,
        delay: timedelta,
        *,
        disable: bool,
    ) -> None:
        """See the port."""
        values = {"error": error, "at": at, "delay": delay, "disable": disable}
        await self._change_held(_FAIL, tenant_id, activation_id, attempt, values)

    async def hold(self, tenant_id: int, activation_id: int, attempt: int, hold: Hold) -> None:
        """See the port."""
        await self._change_held(_HOLD, tenant_id, activation_id, attempt, {"hold": json.dumps(asdict(hold))})

    async def release(self, tenant_id: int, activation_id: int, attempt: int, delay: timedelta) -> None:
        """See the port."""
        await self._change_held(_RELEASE, tenant_id, activation_id, attempt, {"delay": delay})

    async def log(self, tenant_id: int, activation_id: int, delivery: Delivery) -> None:
        """See the port."""
        await self._execute(_LOG, tenant_id, activation_id, asdict(delivery))

    async def deliveries(
        self, tenant_id: int, activation_id: int, *, before: int, limit: int, offset: int = 0
    ) -> Sequence[Delivery]:
        """See the port."""
        values = {
            "tenant_id": tenant_id,
            "activation_id": activation_id,
            "before": before,
            "limit": limit,
            "offset": offset,
        }
        async with reading(self._engine, tenant_id) as session:
            return [delivery_of(row) for row in await session.execute(_DELIVERIES, values)]

    async def figures(self, tenant_id: int, newest: int) -> Mapping[int, DeliveryFigures]:
        """See the port."""
        by_activation: defaultdict[int, list[Delivery]] = defaultdict(list)
        async with reading(self._engine, tenant_id) as session:
            counts = (await session.execute(_COUNTS, {"tenant_id": tenant_id})).all()
            for row in await session.execute(_NEWEST, {"tenant_id": tenant_id, "newest": newest}):
                by_activation[row.activation_id].append(delivery_of(row))
        return {
            row.activation_id: DeliveryFigures(
                count=row.count_all, succeeded=row.succeeded, newest=tuple(by_activation[row.activation_id])
            )
            for row in counts
        }

    async def forget_deliveries(self, before: datetime) -> None:
        """See the port."""
        async with self._for_all_tenants() as session:
            await session.execute(_FORGET, {"before": before})

    async def statistics(self) -> ActivationStatistics:
        """See the port."""
        async with self._for_all_tenants() as session:
            row = (await session.execute(_STATISTICS)).one()
        return ActivationStatistics(
            failing=int(row.failing), failing_s=float(row.oldest), held=int(row.held), overdue_s=float(row.overdue)
        )

    async def _execute(
        self, statement: sa.TextClause, tenant_id: int, activation_id: int, values: Mapping[str, object]
    ) -> None:
        async with transaction(self._engine, tenant_id) as session:
            await session.execute(statement, {**values, "tenant_id": tenant_id, "activation_id": activation_id})

    async def _change_held(
        self, statement: sa.TextClause, tenant_id: int, activation_id: int, attempt: int, values: Mapping[str, object]
    ) -> None:
        key = {"tenant_id": tenant_id, "activation_id": activation_id, "attempt": attempt}
        async with transaction(self._engine, tenant_id) as session:
            if await session.scalar(statement, {**values, **key}) is None:
                raise ActivationTaken(str(activation_id))

    @asynccontextmanager
    async def _for_all_tenants(self) -> AsyncIterator[WriteSession]:
        with driver_errors():
            async with write_session(self._engine) as session:
                await session.enter_role(ROLE)
                yield session

    def _stored(self, tenant_id: int, settings: Settings) -> dict[str, object]:
        plain = {name: value for name, value in asdict(settings).items() if name != "secret"}
        secret = None if settings.secret is None else self._sealer.seal(settings.secret, _label(tenant_id))
        return {"settings": json.dumps(plain), "secret": secret}

    def _opened(self, tenant_id: int, secret: bytes) -> str:
        try:
            return self._sealer.open(secret, _label(tenant_id))
        except ValueError as error:
            raise EngineUnavailable("SEGOPS_ACTIVATION_KEY must be the one with which secrets were stored") from error

    def _activation(self, row: sa.Row[Any]) -> Activation:
        return Activation(
            tenant_id=row.tenant_id,
            id=row.activation_id,
            segment_id=row.segment_id,
            connector=row.connector,
            tenant_slug=row.tenant_slug,
            settings=settings_of(
                row.settings, None if row.secret is None else self._opened(row.tenant_id, bytes(row.secret))
            ),
            status=Status(row.status),
            position=None if row.position is None else ChangePosition(*map(int, row.position)),
            created_at=row.created_at,
            updated_at=row.updated_at,
            sent_size=row.sent_size,
            approved_number=row.approved_number,
            hold=None if row.hold is None else Hold(**{**row.hold, "reason": HoldReason(row.hold["reason"])}),
            failures=row.failures,
            failing_since=row.failing_since,
            last_error=row.last_error,
            last_synced_at=row.last_synced_at,
            test_id=row.test_id,
            attempt=row.attempt,
            left_out=row.left_out,
        )


def _label(tenant_id: int) -> str:
    return f"activation of tenant {tenant_id}"
