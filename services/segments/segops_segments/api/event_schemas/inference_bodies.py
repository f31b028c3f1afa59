"""Bodies for inferring schemas and for validating an event."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field, JsonValue, StringConstraints
from pydantic.config import JsonDict

from segops_common.event_schemas.check import Violation
from segops_common.event_schemas.infer import InferredProperty, InferredSchema
from segops_common.event_schemas.model import PropertyType
from segops_common.web.fields import Optional, TenantFields
from segops_segments.api.event_schemas.bodies import MAX_EVENT_TYPE_CHARS, PropertyRuleRead
from segops_segments.api.schemas.bases import RequestBody, ResponseBody
from segops_segments.service.event_schemas.inference import Validation

MAX_EVENTS: Final = 1_000
MAX_INFERRED: Final = 50
"""Event types for which one call infers schemas."""

_Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_EVENT_TYPE_CHARS)]
_EVENT: Final[JsonDict] = {"event_type": "order_placed", "payload": {"order_id": "1017", "total": 25}}


class SampleEvent(RequestBody):
    """An event to infer from: a track call. Only its event type and its payload matter."""

    model_config = ConfigDict(extra="ignore")

    event_type: _Name
    payload: dict[str, JsonValue] = Field(default={})


class InferSchemas(TenantFields, RequestBody):
    """Events to infer from, or an event type whose stored events to infer from."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"events": [_EVENT]}, {"tenant": 1, "event_type": "order_placed"}]}
    )

    events: Optional[Annotated[list[SampleEvent], Field(min_length=1, max_length=MAX_EVENTS)]] = Field(
        default=None, description=f"Track calls, of at most {MAX_INFERRED} event types. Nothing of them is stored."
    )
    event_type: Optional[_Name] = Field(
        default=None, description="Instead of `events`: infer from the newest 200 stored events of this type."
    )


class SchemaDraft(ResponseBody):
    """A schema that can be created as it is."""

    event_type: str
    properties: tuple[PropertyRuleRead, ...]


class ObservedProperty(ResponseBody):
    """How often the property was there, and how often its type fitted."""

    name: str
    type: PropertyType
    present: int = Field(description="Events that have the property with a value other than null.")
    fitting: int = Field(description="Of these, events whose value has the type or can be converted to it.")

    @classmethod
    def of(cls, inferred: InferredProperty) -> ObservedProperty:
        """Return the response for a property."""
        return cls(name=inferred.rule.name, type=inferred.rule.type, present=inferred.present, fitting=inferred.fitting)


class InferredRead(ResponseBody):
    """The schema that the events of one type suggest."""

    events: int = Field(description="The number of events that were looked at.")
    draft: SchemaDraft = Field(
        description="A body for `POST /api/schemas/`. A property is required if every event has it; its type is the one that fits most values."
    )
    observed: tuple[ObservedProperty, ...] = Field(description="The properties of the draft in numbers.")
    omitted: int = Field(description="Properties that are left out, because a schema would have too many: the rarest.")

    @classmethod
    def of(cls, inferred: InferredSchema) -> InferredRead:
        """Return the response for an inferred schema."""
        rules = tuple(PropertyRuleRead.of(of_name.rule) for of_name in inferred.properties)
        return cls(
            events=inferred.events,
            draft=SchemaDraft(event_type=inferred.event_type, properties=rules),
            observed=tuple(map(ObservedProperty.of, inferred.properties)),
            omitted=inferred.omitted,
        )


_INFERRED: Final[JsonDict] = {
    "events": 200,
    "draft": {
        "event_type": "order_placed",
        "properties": [
            {"name": "order_id", "type": "string", "required": True},
            {"name": "total", "type": "number", "required": True},
        ],
    },
    "observed": [
        {"name": "order_id", "type": "string", "present": 200, "fitting": 200},
        {"name": "total", "type": "number", "present": 200, "fitting": 198},
    ],
    "omitted": 0,
}


class InferredSchemas(ResponseBody):
    """The inferred schemas, that of the most frequent event type first."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"schemas": [_INFERRED]}]})

    schemas: tuple[InferredRead, ...]

    @classmethod
    def of(cls, schemas: Sequence[InferredSchema]) -> InferredSchemas:
        """Return the response."""
        return cls(schemas=tuple(map(InferredRead.of, schemas)))


class ValidateEvent(TenantFields, RequestBody):
    """An event to validate. Nothing is stored."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"tenant": 1, **_EVENT}]})

    event_type: _Name
    payload: dict[str, JsonValue]


class EventViolation(ResponseBody):
    """A rule of the schema that the event breaks."""

    path: str
    code: Literal["missing-property", "wrong-property-type"]
    detail: str

    @classmethod
    def of(cls, violation: Violation) -> EventViolation:
        """Return the response for a violation."""
        return cls(path=f"payload.{violation.property}", code=violation.code, detail=violation.detail)


class EventValidation(ResponseBody):
    """Whether the event conforms to the schema of its type, and how it would be stored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "valid": False,
                    "schema_id": 3,
                    "mode": "refuse",
                    "payload": {"order_id": 1017, "total": 25},
                    "converted": ["total"],
                    "errors": [
                        {
                            "path": "payload.order_id",
                            "code": "wrong-property-type",
                            "detail": "must be text; it is a number",
                        }
                    ],
                }
            ]
        }
    )

    valid: bool
    schema_id: int | None = Field(description="The schema. Null if the event type has none: then every event is valid.")
    mode: Literal["warn", "quarantine", "refuse"] | None = Field(
        description="What ingestion does with an event that is not valid."
    )
    payload: dict[str, JsonValue] = Field(description="The payload with converted values.")
    converted: tuple[str, ...] = Field(description="Properties whose values were converted to their types.")
    errors: tuple[EventViolation, ...] = Field(description="The rules that the event breaks: the first 20.")

    @classmethod
    def of(cls, validation: Validation) -> EventValidation:
        """Return the response for a validation."""
        schema, checked = validation.schema, validation.checked
        return cls(
            valid=not checked.violations,
            schema_id=None if schema is None else schema.id,
            mode=None if schema is None else schema.rules.mode,
            payload=checked.payload,
            converted=tuple(checked.converted),
            errors=tuple(map(EventViolation.of, checked.violations)),
        )
