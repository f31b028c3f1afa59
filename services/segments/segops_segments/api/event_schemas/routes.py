"""Routes of event schemas."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import ConfigDict

from segops_common.contracts.http import SCHEMAS_PREFIX
from segops_common.core.problems import Fault, ValidationFailed
from segops_common.event_schemas.model import stored_event_type
from segops_common.security.permissions import Scope
from segops_common.security.principal import Principal
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams, TenantParams, require
from segops_common.web.fields import TenantFields
from segops_common.web.problems import problems
from segops_common.web.request.route import READS_ONLY, takes_a_large_body
from segops_segments.api.dependencies import ExpectedVersion, UseCasesOfApp
from segops_segments.api.event_schemas.bodies import (
    MAX_EVENT_TYPE_CHARS,
    EventSchemaList,
    EventSchemaRead,
    EventSchemaVersionList,
    EventSchemaVersionRead,
    SchemaFields,
    UpdateEventSchema,
)
from segops_segments.api.event_schemas.inference_bodies import (
    MAX_INFERRED,
    EventValidation,
    InferredSchemas,
    InferSchemas,
    ValidateEvent,
)
from segops_segments.domain.event_schema import StoredSchema

# One object for each permission: FastAPI then authenticates a request once, on the route, before it reads the body.
READS: Final = require(Scope.EVENTS_READ)
WRITES: Final = require(Scope.SEGMENTS_WRITE)
Reader = Annotated[Principal, READS]
Writer = Annotated[Principal, WRITES]
SchemaId = Annotated[int, Path(ge=-(2**63), le=2**63 - 1)]
EventTypeFilter = Annotated[
    str | None,
    Query(min_length=1, max_length=MAX_EVENT_TYPE_CHARS, description="Only the schema of this event type."),
]
router: APIRouter = new_router(prefix=SCHEMAS_PREFIX, tags=["schemas"])


class CreateEventSchema(TenantFields, SchemaFields):
    """A schema to create. An event type has at most one in a tenant."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "tenant": 1,
                    "event_type": "order_placed",
                    "mode": "warn",
                    "properties": [
                        {"name": "order_id", "type": "string", "required": True},
                        {"name": "total", "type": "number", "required": True},
                    ],
                }
            ]
        }
    )


def _visible(caller: Principal) -> frozenset[int]:
    return caller.tenants(Scope.EVENTS_READ) | caller.tenants(Scope.SEGMENTS_WRITE)


async def _read_schema(use_cases: UseCasesOfApp, caller: Reader, schema_id: SchemaId) -> StoredSchema:
    schema = await use_cases.schemas.get(_visible(caller), schema_id)
    caller.require(schema.tenant_id, Scope.EVENTS_READ)
    return schema


async def _written_schema(use_cases: UseCasesOfApp, caller: Writer, schema_id: SchemaId) -> StoredSchema:
    schema = await use_cases.schemas.get(_visible(caller), schema_id)
    caller.require(schema.tenant_id, Scope.SEGMENTS_WRITE)
    return schema


ReadSchema = Annotated[StoredSchema, Depends(_read_schema)]
WrittenSchema = Annotated[StoredSchema, Depends(_written_schema)]


@router.get("/", summary="List schemas", responses=problems(400, 403))
async def list_schemas(
    use_cases: UseCasesOfApp,
    caller: Reader,
    page: PageParams,
    choice: TenantParams,
    event_type: EventTypeFilter = None,
) -> EventSchemaList:
    """Return the schemas of the tenant, or of all of the caller's tenants, ascending by id."""
    tenant = choice.named(caller, Scope.EVENTS_READ)
    tenants = caller.tenants(Scope.EVENTS_READ) if tenant is None else frozenset({tenant})
    only = None if event_type is None else stored_event_type(event_type)
    return EventSchemaList.of(await use_cases.schemas.list(tenants, page, event_type=only), page, EventSchemaRead.of)


@router.post("/", summary="Create a schema", status_code=201, responses=problems(403, 409, 503))
async def create_schema(
    use_cases: UseCasesOfApp, caller: Writer, body: CreateEventSchema, response: Response
) -> EventSchemaRead:
    """Create the schema of an event type. A tenant may have 200 schemas. The audit log has the change."""
    tenant_id = body.tenant_of(caller, Scope.SEGMENTS_WRITE)
    schema = await use_cases.schemas.create(tenant_id, body.rules(), caller)
    response.headers["Location"] = f"{SCHEMAS_PREFIX}/{schema.id}/"
    return _answer(schema, response)


@router.post(
    "/infer/", summary="Infer schemas from events", responses=problems(403, 404, 503), openapi_extra=READS_ONLY
)
@takes_a_large_body
async def infer_schemas(use_cases: UseCasesOfApp, caller: Reader, body: InferSchemas) -> InferredSchemas:
    """Return the schemas that events suggest: those in `events`, or the newest stored events of `event_type`.

    Each `draft` can be sent to `POST /api/schemas/` as it is. Nothing is stored.
    """
    if (body.events is None) is (body.event_type is None):
        raise _invalid("events", "missing", "must be present unless `event_type` is, and left out if it is")
    if body.event_type is not None:
        tenant_id = body.tenant_of(caller, Scope.EVENTS_READ)
        return InferredSchemas.of([await use_cases.schema_inference.of_observed(tenant_id, body.event_type)])
    body.chosen_tenant.only(caller, Scope.EVENTS_READ)
    events = [(event.event_type, event.payload) for event in body.events or ()]
    if len({event_type for event_type, _ in events}) > MAX_INFERRED:
        raise _invalid("events", "too-long", f"must have at most {MAX_INFERRED} event types")
    return InferredSchemas.of(await use_cases.schema_inference.of_events(events))


@router.post("/validate/", summary="Validate an event", responses=problems(403), openapi_extra=READS_ONLY)
@takes_a_large_body
async def validate_event(use_cases: UseCasesOfApp, caller: Reader, body: ValidateEvent) -> EventValidation:
    """Return whether an event conforms to the schema of its type, and how its payload would be stored."""
    tenant_id = body.tenant_of(caller, Scope.EVENTS_READ)
    return EventValidation.of(await use_cases.schema_inference.validate(tenant_id, body.event_type, body.payload))


@router.get("/{schema_id}/", summary="Read a schema", dependencies=[READS], responses=problems(403, 404))
async def get_schema(schema: ReadSchema, response: Response) -> EventSchemaRead:
    """Return the schema."""
    return _answer(schema, response)


@router.patch("/{schema_id}/", summary="Change a schema", responses=problems(403, 404, 412, 503))
async def update_schema(
    use_cases: UseCasesOfApp,
    caller: Writer,
    schema: WrittenSchema,
    expected: ExpectedVersion,
    body: UpdateEventSchema,
    response: Response,
) -> EventSchemaRead:
    """Change the given fields. With `If-Match`, only if the schema still has that version.

    `properties` replaces all properties. The event type never changes: create another schema instead.
    """
    if body.event_type not in (None, schema.rules.event_type):
        raise _invalid(
            "event_type", "not-allowed", "must be the event type of the schema: create another schema instead"
        )
    changed = await use_cases.schemas.change(schema.tenant_id, schema.id, body.change(), caller, expected=expected)
    return _answer(changed, response)


@router.delete(
    "/{schema_id}/",
    summary="Delete a schema",
    status_code=204,
    dependencies=[WRITES],
    responses=problems(403, 404, 412, 503),
)
async def delete_schema(
    use_cases: UseCasesOfApp, caller: Writer, schema: WrittenSchema, expected: ExpectedVersion
) -> None:
    """Delete the schema. Events of its type are then stored as they are."""
    await use_cases.schemas.delete(schema.tenant_id, schema.id, caller, expected=expected)


@router.get(
    "/{schema_id}/versions/",
    summary="List versions of a schema",
    dependencies=[READS],
    responses=problems(400, 403, 404),
)
async def list_schema_versions(
    use_cases: UseCasesOfApp, schema: ReadSchema, page: PageParams
) -> EventSchemaVersionList:
    """Return what the schema says and said, newest first, and who changed it."""
    versions = await use_cases.schemas.versions(schema.tenant_id, schema.id, page)
    return EventSchemaVersionList.of(versions, page, EventSchemaVersionRead.of)


def _answer(schema: StoredSchema, response: Response) -> EventSchemaRead:
    response.headers["ETag"] = f'"{schema.version}"'
    return EventSchemaRead.of(schema)


def _invalid(path: str, code: str, detail: str) -> ValidationFailed:
    return ValidationFailed("The request must be valid: see `errors`.", errors=[Fault(path, code, detail)])
