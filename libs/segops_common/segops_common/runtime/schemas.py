"""Which migrations a service's code has, and which have run."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from segops_common.web.health import Schema

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from segops_common.stores.clickhouse import ClickHouse


def postgres_schema(engine: AsyncEngine, schema: str, folder: Path) -> Schema:
    """Return the service's schema in PostgreSQL, whose revisions are in `folder/versions`."""
    from segops_common.stores.postgres import applied_revision

    return Schema(_newest(folder / "versions", "*.py"), partial(applied_revision, engine, schema))


def clickhouse_schema(clickhouse: ClickHouse, service: str, folder: Path) -> Schema:
    """Return the service's tables in ClickHouse, whose files are in `folder`."""
    from segops_common.stores.clickhouse_migrations import applied_migration

    return Schema(_newest(folder, "*.sql"), partial(applied_migration, clickhouse, service))


def _newest(folder: Path, pattern: str) -> int:
    return max(int(path.name[:4]) for path in folder.glob(pattern) if path.name[:4].isdigit())
