"""Routes of the explorer that ingestion serves: what was refused, what was not stored, and test events."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import APIRouter, Body, Path, Query, Request

from segops_common.core.problems import Fault, ValidationFailed
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal, Principal
from segops_common.security.tenant_choice import TenantChoice
from segops_common.web.app import new_router
from segops_common.web.dependencies import PageParams, TenantParams, require
from segops_common.web.problems import problems
from segops_common.web.request.charges import charged
from segops_common.web.request.route import takes_a_large_body
from segops_ingest.api.examples import CALL_EXAMPLES
from segops_ingest.api.explorer_schemas import (
    DeadLetterList,
    DeadLetterRead,
    Published,
    RejectionList,
    RejectionRead,
    ReplayedLetters,
    ReplayLetters,
    ReplayRead,
    SandboxEvent,
)
from segops_ingest.api.fast_routes import EVENTS, DocumentedAs
from segops_ingest.api.refusals import use_cases_of
from segops_ingest.api.repeatable import RepeatableRoute
from segops_ingest.api.routes import IdempotencyKey, refused_event
from segops_ingest.domain.limits import MAX_EVENT_TYPE_CHARS
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.service.dead_letters import MAX_REPLAYED

EventsReader = Annotated[Principal, require(Scope.EVENTS_READ)]
EventsWriter = Annotated[Principal, require(Scope.EVENTS_WRITE)]
LetterId = Annotated[str, Path(pattern=r"^[0-9a-f]{32}$", description="The id of a dead letter.")]
EventTypeFilter = Annotated[
    str | None,
    Query(
        min_length=1,
        max_length=MAX_EVENT_TYPE_CHARS,
        description="Only events of this type that violate its schema. Traits have the type `$identify`.",
    ),
]
_TENANT_FIELDS: Final = ("tenant", "tenant_slug")


router: APIRouter = new_router(prefix="/api/explorer", tags=["explorer"])
repeatable = APIRouter(prefix="/api/explorer", tags=["explorer"], route_class=RepeatableRoute)


@router.get("/rejections/", summary="List refused requests and events", responses=problems(503))
async def list_rejections(
    request: Request,
    caller: EventsReader,
    tenant: TenantParams,
    page: PageParams,
    event_type: EventTypeFilter = None,
) -> RejectionList:
    """Return what ingestion refused in the last seven days, newest first: at most 1,000 entries, without payload values.

    Accepted events that violate the schema of their type are listed too, with the status 202.

    A repetition is counted: after its first entry, a rejection that goes on gets one entry a minute. Entries appear within
    about a second. Requests without a key of the tenant are not listed.
    """
    tenant_id = tenant.required(caller, Scope.EVENTS_READ)
    rejections = await use_cases_of(request).rejections.page(tenant_id, page, event_type=event_type)
    return RejectionList.of(rejections, page, RejectionRead.of_entry)


@router.get("/dead-letters/", summary="List dead letters", responses=problems(503))
async def list_dead_letters(
    request: Request, caller: EventsReader, tenant: TenantParams, page: PageParams
) -> DeadLetterList:
    """Return accepted events that are not among the stored ones, newest first: `cause` says why.

    `content` and the warehouse's own words in `reason` are shown to callers with the scope `profiles:read` only.
    """
    tenant_id = tenant.required(caller, Scope.EVENTS_READ)
    letters = await use_cases_of(request).dead_letters.page(tenant_id, page)
    may_read = tenant_id in caller.tenants(Scope.PROFILES_READ)
    return DeadLetterList.of(letters, page, lambda letter: DeadLetterRead.of_letter(letter, with_content=may_read))


@repeatable.post("/dead-letters/{letter_id}/replay/", summary="Replay a dead letter", responses=problems(404, 503))
async def replay_dead_letter(
    request: Request, caller: EventsWriter, letter_id: LetterId, tenant: TenantParams
) -> ReplayRead:
    """Validate the event of a dead letter again, and append it to the log with its ids and time.

    `outcome` says what became of it. Replaying again has the same outcome and stores nothing twice. If the warehouse refuses
    the event again, there is a new dead letter.
    """
    _refuse_publishable_keys(caller)
    tenant_id = tenant.required(caller, Scope.EVENTS_WRITE)
    return ReplayRead.of(await use_cases_of(request).dead_letters.replay(tenant_id, letter_id))


def _letters_in(body: Any) -> int:
    limit = body.get("limit") if isinstance(body, dict) else None
    return min(max(limit, 1), MAX_REPLAYED) if type(limit) is int else MAX_REPLAYED


@repeatable.post("/dead-letters/replay/", summary="Replay many dead letters", responses=problems(400, 503))
@charged(EVENTS, _letters_in)
async def replay_dead_letters(request: Request, caller: EventsWriter, body: ReplayLetters) -> ReplayedLetters:
    """Replay the dead letters that were not replayed, newest first, each as the replay of one letter does.

    Letters with the cause `conflict` are left out: an earlier delivery stands. One request replays at most 1,000 letters, and
    `remaining` says how many it did not come to: send `next_cursor` as `cursor` to go on. Refused letters stay, so without a
    cursor they are tried again. Repeating a request stores nothing twice.
    """
    _refuse_publishable_keys(caller)
    tenant_id = body.tenant_of(caller, Scope.EVENTS_WRITE)
    letters = use_cases_of(request).dead_letters
    return ReplayedLetters.of(
        await letters.replay_many(tenant_id, body.pending(), limit=body.limit, cursor=body.cursor)
    )


@repeatable.post(
    "/sandbox/publish/", summary="Publish a test event", status_code=202, responses=problems(409, 413, 503)
)
@takes_a_large_body
@charged(EVENTS)
async def publish_to_sandbox(
    request: Request,
    caller: EventsWriter,
    body: Annotated[Any, Body(openapi_examples=CALL_EXAMPLES["sandbox"]), DocumentedAs(SandboxEvent)],
    idempotency_key: IdempotencyKey = None,
) -> Published:
    """Store an event in the test tenant that belongs to the tenant. Nothing of the tenant itself changes.

    The body is a track call. Without a test tenant the response is 409 `no-test-tenant`.
    """
    _refuse_publishable_keys(caller)
    call = dict(body) if type(body) is dict else body
    tenant = _tenant_of(call)
    tenant_id = tenant.required(caller, Scope.EVENTS_WRITE)
    sandbox = use_cases_of(request).sandbox
    try:
        published = await sandbox.publish(tenant_id, call, idempotency_key=idempotency_key)
    except EventRefused as refusal:
        raise refused_event(refusal) from refusal
    return Published.of(published)


def _refuse_publishable_keys(caller: Principal) -> None:
    """Raise Forbidden for a key that anyone can read in a page: it sends events of its tenant only."""
    if isinstance(caller, KeyPrincipal):
        caller.require_secret()


def _tenant_of(call: Any) -> TenantChoice:
    """Remove the fields that name the tenant from the call, and return the tenant. Raises ValidationFailed."""
    if type(call) is not dict:
        return TenantChoice(tenant=None, slug=None)
    tenant, slug = (call.pop(name, None) for name in _TENANT_FIELDS)
    if tenant is not None and type(tenant) is not int:
        raise _wrong_type("tenant", "must be an integer")
    if slug is not None and type(slug) is not str:
        raise _wrong_type("tenant_slug", "must be text")
    return TenantChoice(tenant=tenant, slug=slug)


def _wrong_type(name: str, rule: str) -> ValidationFailed:
    return ValidationFailed("The event must be valid: see `errors`.", errors=[Fault(name, "wrong-type", rule)])
