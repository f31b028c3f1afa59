"""Migration steps of a service: its PostgreSQL schema, its ClickHouse tables and its topics."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from segops_common.contracts.topics import Topic
from segops_common.core.clock import Clock
from segops_common.runtime.resources import opened_clickhouse, opened_event_log
from segops_common.stores.postgres_address import PostgresAccess
from segops_common.streams.address import LogAccess

if TYPE_CHECKING:
    from segops_common.stores.clickhouse import ClickHouse

_log = logging.getLogger(__name__)


class MigrationRefused(Exception):
    """The store is not one that the migrations may change. The text says what to do."""


class MigrationStep(Protocol):
    """Brings one store up to date. Both methods return the names of migrations, oldest first. Both raise MigrationRefused."""

    async def apply(self) -> Sequence[str]:
        """Run the pending migrations and return them. Safe to repeat after a crash."""
        ...

    async def pending(self) -> Sequence[str]:
        """Return the migrations that `apply` would run."""
        ...


@dataclass(frozen=True, slots=True)
class PostgresMigrations:
    """The Alembic revisions in `folder/versions`, for the schema of that name."""

    url: str
    schema: str
    folder: Path
    access: PostgresAccess

    async def apply(self) -> Sequence[str]:
        from segops_common.stores.postgres_migrations import migrate_postgres

        return await migrate_postgres(self.url, self.schema, self.folder, access=self.access)

    async def pending(self) -> Sequence[str]:
        from segops_common.stores.postgres_migrations import migrate_postgres

        return await migrate_postgres(self.url, self.schema, self.folder, check=True, access=self.access)


@dataclass(frozen=True, slots=True)
class ClickHouseMigrations:
    """The numbered SQL files in `folder`, as run for the service of that name, on each shard of the cluster if it is one."""

    url: str
    service: str
    folder: Path
    ca_file: Path | None
    cluster: str

    async def apply(self) -> Sequence[str]:
        from segops_common.stores.clickhouse_migrations import migrate

        async with self._clickhouse() as clickhouse:
            applied = await migrate(clickhouse, self.service, self.folder, cluster=self.cluster)
            return [str(migration) for migration in applied]

    async def pending(self) -> Sequence[str]:
        from segops_common.stores.clickhouse_migrations import pending_databases, pending_migrations, pending_tables

        async with self._clickhouse() as clickhouse:
            # A client of a shard that is not marked refuses to read.
            if shards := await pending_databases(clickhouse, self.cluster):
                return shards
            pending = [str(migration) for migration in await pending_migrations(clickhouse, self.service, self.folder)]
            return pending or await pending_tables(clickhouse, self.folder)

    @asynccontextmanager
    async def _clickhouse(self) -> AsyncIterator[ClickHouse]:
        from segops_common.stores.clickhouse import WrongServers
        from segops_common.stores.clickhouse_migrations import ChangedMigrationError, ClusterError

        async with opened_clickhouse(self.url, ca_file=self.ca_file) as clickhouse:
            try:
                yield clickhouse
            except (ChangedMigrationError, ClusterError, WrongServers) as error:
                raise MigrationRefused(str(error)) from error


@dataclass(frozen=True, slots=True)
class TopicCreation:
    """The topics that a service writes or reads; creating them is not counted as a migration."""

    url: str
    topics: Sequence[Topic]
    clock: Clock
    access: LogAccess

    async def apply(self) -> Sequence[str]:
        async with opened_event_log(self.url, clock=self.clock, access=self.access) as log:
            await log.ensure_topics(self.topics)
        return ()

    async def pending(self) -> Sequence[str]:
        return ()


async def apply_all(steps: Sequence[MigrationStep]) -> None:
    """Run the pending migrations of every step, in order. Safe to repeat."""
    count = 0
    for step in steps:
        count += len(await step.apply())
    _log.info("applied %d migrations", count)


async def any_pending(steps: Sequence[MigrationStep]) -> bool:
    """Return whether `apply_all` has work to do; log the name of each pending migration."""
    names = [name for step in steps for name in await step.pending()]
    for name in names:
        _log.warning("pending: %s", name)
    return bool(names)
