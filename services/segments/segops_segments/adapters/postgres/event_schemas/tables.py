"""The tables of event schemas, and their rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

from segops_common.event_schemas.model import EventSchema, PropertyRule
from segops_segments.adapters.postgres.tables import SCHEMA
from segops_segments.domain.event_schema import SchemaVersion, StoredSchema

_metadata = sa.MetaData(schema=SCHEMA)
_TIME: Final = sa.DateTime(timezone=True)

event_schemas = sa.Table(
    "event_schemas",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("event_type", sa.Text),
    sa.Column("mode", sa.Text),
    sa.Column("properties", sa.JSON),
    sa.Column("version", sa.BigInteger),
    sa.Column("created_at", _TIME),
    sa.Column("updated_at", _TIME),
    sa.Column("changed_by", sa.Text),
)
event_schema_versions = sa.Table(
    "event_schema_versions",
    _metadata,
    sa.Column("schema_id", sa.BigInteger, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("event_type", sa.Text),
    sa.Column("mode", sa.Text),
    sa.Column("properties", sa.JSON),
    sa.Column("created_at", _TIME),
    sa.Column("created_by", sa.Text),
    sa.Column("deleted", sa.Boolean),
)
# One row for each tenant that ever had a schema: the number of its latest change.
event_schema_changes = sa.Table(
    "event_schema_changes",
    _metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True),
    sa.Column("number", sa.BigInteger),
)
change_numbers: Final = sa.Sequence("event_schema_numbers", schema=SCHEMA)


def rule_values(rules: EventSchema) -> dict[str, Any]:
    """Return the columns that say what a schema says."""
    properties = [{"name": rule.name, "type": rule.type, "required": rule.required} for rule in rules.properties]
    return {"event_type": rules.event_type, "mode": rules.mode, "properties": properties}


def rules_of(row: Mapping[str, Any] | sa.RowMapping) -> EventSchema:
    """Return what a schema says."""
    properties = tuple(PropertyRule(**rule) for rule in row["properties"])
    return EventSchema(row["event_type"], row["mode"], properties)


def schema_of(row: sa.RowMapping) -> StoredSchema:
    """Return the schema in a row."""
    return StoredSchema(
        id=row["id"],
        tenant_id=row["tenant_id"],
        rules=rules_of(row),
        version=row["version"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        changed_by=row["changed_by"],
    )


def version_of(row: sa.RowMapping) -> SchemaVersion:
    """Return the version in a row."""
    return SchemaVersion(
        number=row["number"],
        rules=rules_of(row),
        created_at=row["created_at"],
        created_by=row["created_by"],
        deleted=row["deleted"],
    )
