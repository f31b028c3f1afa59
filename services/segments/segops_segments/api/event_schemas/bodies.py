"""Bodies of event schemas."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from pydantic_core import PydanticCustomError

from segops_common.contracts.http import (
    EventSchemaMessage,
    PropertyMessage,
    SchemaChanges,
    TenantSchemasMessage,
)
from segops_common.event_schemas.model import (
    CHECKED_RESERVED,
    MAX_PROPERTIES,
    MAX_PROPERTY_CHARS,
    MAX_PROPERTY_KEYS,
    EventSchema,
    Mode,
    PropertyRule,
    PropertyType,
    stored_event_type,
)
from segops_common.web.fields import ListResponse, Optional, list_example, without_default
from segops_language import path_keys
from segops_segments.api.schemas.bases import AT, RequestBody, ResponseBody
from segops_segments.domain.event_schema import SchemaChange, SchemaVersion, StoredSchema, TenantSchemas

MAX_EVENT_TYPE_CHARS: Final = 200
_PROPERTIES: Final[list[JsonDict]] = [
    {"name": "order_id", "type": "string", "required": True},
    {"name": "total", "type": "number", "required": True},
    {"name": "shipping.city", "type": "string", "required": False},
]
_SCHEMA: Final[JsonDict] = {
    "id": 3,
    "tenant": 1,
    "event_type": "order_placed",
    "mode": "refuse",
    "properties": [*_PROPERTIES],
    "version": 2,
    "created_at": AT,
    "updated_at": AT,
    "changed_by": "user:7",
}
_MODE: Final = (
    "What happens to an event that violates the schema. `refuse`: ingestion refuses it, as other events that are not valid."
    " `quarantine`: it is accepted and kept as a dead letter, from where it can be replayed. `warn`: it is stored as it is,"
    " and the violation is reported."
)
_TYPE: Final = (
    "`string`: text. `number`: a number; text that is a JSON number is converted. `boolean`: a boolean; `true` and `false`"
    " as text in any case, 1 and 0 are converted. `datetime`: what conditions of segments read as an instant. `array`: an array."
)


def _path(name: str) -> str:
    if "\0" in name:
        raise PydanticCustomError("nul-character", "must not contain U+0000")
    keys = path_keys(name)
    if not all(keys):
        raise PydanticCustomError("invalid-path", "must be keys separated by single dots; `\\.` is a dot in a key")
    if len(keys) > MAX_PROPERTY_KEYS:
        raise PydanticCustomError("too-deep", f"must lead through at most {MAX_PROPERTY_KEYS} keys")
    return name


def _event_type(name: str) -> str:
    if any(ord(char) < 32 or 127 <= ord(char) < 160 for char in name):
        raise PydanticCustomError("control-character", "must not contain control characters")
    if name.startswith("$") and name not in CHECKED_RESERVED:
        kinds = ", ".join(f"`{kind}`" for kind in CHECKED_RESERVED)
        raise PydanticCustomError("reserved-name", f"must not begin with `$`, except for {kinds}")
    return stored_event_type(name)


def _different(properties: list[PropertyRuleBody]) -> list[PropertyRuleBody]:
    names = [path_keys(rule.name) for rule in properties]
    if len({*names}) < len(names):
        raise PydanticCustomError("not-unique", "must not have a property twice")
    return properties


EventType = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MAX_EVENT_TYPE_CHARS, pattern=r"\S"),
    AfterValidator(_event_type),
    Field(
        description="The event type. `$identify` is for traits, also as `context_identified`; `$page` and `$screen` are for views."
    ),
]


class PropertyRuleBody(RequestBody):
    """What is expected of one property."""

    name: Annotated[
        str,
        StringConstraints(min_length=1, max_length=MAX_PROPERTY_CHARS),
        AfterValidator(_path),
        Field(
            description="The property, or a path to one within objects: `shipping.city`. `\\.` is a dot in a key.",
            examples=["shipping.city"],
        ),
    ]
    type: Annotated[PropertyType, Field(description=_TYPE)]
    required: Annotated[
        bool,
        Field(
            description="Whether every event must have it. Null counts as absent. Default: false.",
            json_schema_extra=without_default,
        ),
    ] = False


Properties = Annotated[
    list[PropertyRuleBody],
    Field(max_length=MAX_PROPERTIES, description="Properties that are not listed may have any value."),
    AfterValidator(_different),
]


def _rules(properties: Sequence[PropertyRuleBody]) -> tuple[PropertyRule, ...]:
    return tuple(PropertyRule(rule.name, rule.type, rule.required) for rule in properties)


class SchemaFields(RequestBody):
    """The fields of a new schema."""

    event_type: EventType
    mode: Annotated[Mode, Field(description=f"{_MODE} Default: `refuse`.", json_schema_extra=without_default)] = (
        "refuse"
    )
    properties: Properties

    def rules(self) -> EventSchema:
        """Return what the schema says."""
        return EventSchema(self.event_type, self.mode, _rules(self.properties))


class UpdateEventSchema(RequestBody):
    """The fields to change; fields that are left out keep their values."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"mode": "warn"}]})

    event_type: Optional[EventType] = Field(
        default=None, description="Must be the event type of the schema, which never changes."
    )
    mode: Optional[Mode] = Field(default=None, description=_MODE)
    properties: Optional[Properties] = None

    def change(self) -> SchemaChange:
        """Return the change."""
        return SchemaChange(mode=self.mode, properties=None if self.properties is None else _rules(self.properties))


class PropertyRuleRead(ResponseBody):
    """What is expected of one property."""

    name: str
    type: PropertyType
    required: bool

    @classmethod
    def of(cls, rule: PropertyRule) -> PropertyRuleRead:
        """Return the response for a rule."""
        return cls(name=rule.name, type=rule.type, required=rule.required)


class EventSchemaRead(ResponseBody):
    """The schema of an event type."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SCHEMA]})

    id: int
    tenant: int
    event_type: str
    mode: Mode
    properties: tuple[PropertyRuleRead, ...]
    version: int = Field(description="Incremented by every change; also the ETag.")
    created_at: datetime
    updated_at: datetime
    changed_by: str = Field(description="Who changed it last: `user:<id>` or `key:<id>`.")

    @classmethod
    def of(cls, schema: StoredSchema) -> EventSchemaRead:
        """Return the response for a schema."""
        return cls(
            id=schema.id,
            tenant=schema.tenant_id,
            event_type=schema.rules.event_type,
            mode=schema.rules.mode,
            properties=tuple(map(PropertyRuleRead.of, schema.rules.properties)),
            version=schema.version,
            created_at=schema.created_at,
            updated_at=schema.updated_at,
            changed_by=schema.changed_by,
        )


class EventSchemaList(ListResponse[EventSchemaRead]):
    """Schemas, ascending by id."""

    model_config = list_example("/api/schemas/", _SCHEMA)


_VERSION: Final[JsonDict] = {
    "version": 2,
    "mode": "refuse",
    "properties": [*_PROPERTIES],
    "created_at": AT,
    "created_by": "user:7",
}


class EventSchemaVersionRead(ResponseBody):
    """What a schema said from an instant on."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VERSION]})

    version: int
    mode: Mode
    properties: tuple[PropertyRuleRead, ...]
    created_at: datetime
    created_by: str = Field(description="`user:<id>` or `key:<id>`.")

    @classmethod
    def of(cls, version: SchemaVersion) -> EventSchemaVersionRead:
        """Return the response for a version."""
        return cls(
            version=version.number,
            mode=version.rules.mode,
            properties=tuple(map(PropertyRuleRead.of, version.rules.properties)),
            created_at=version.created_at,
            created_by=version.created_by,
        )


class EventSchemaVersionList(ListResponse[EventSchemaVersionRead]):
    """Versions of a schema, newest first."""

    model_config = list_example("/api/schemas/3/versions/", _VERSION)


def changes_of(tenants: Sequence[TenantSchemas], last: int) -> SchemaChanges:
    """Return the answer to ingestion."""
    return SchemaChanges(tenants=tuple(map(_tenant, tenants)), last=last)


def _tenant(changed: TenantSchemas) -> TenantSchemasMessage:
    return TenantSchemasMessage(
        tenant_id=changed.tenant_id, number=changed.number, schemas=tuple(map(_message, changed.schemas))
    )


def _message(schema: EventSchema) -> EventSchemaMessage:
    properties = [PropertyMessage(name=rule.name, type=rule.type, required=rule.required) for rule in schema.properties]
    return EventSchemaMessage(event_type=schema.event_type, mode=schema.mode, properties=tuple(properties))
