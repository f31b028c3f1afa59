"""Event schemas in PostgreSQL keep the contract."""

from __future__ import annotations

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from segops_segments.adapters.postgres.event_schemas.store import PostgresSchemaStore
from tests.unit.segments.schema_store_contract import SchemaStoreContract


class TestPostgresSchemas(SchemaStoreContract):
    @pytest.fixture
    def schemas(self, engine: AsyncEngine) -> PostgresSchemaStore:
        return PostgresSchemaStore(engine=engine)
