"""Routes of ingestion: one per kind of event, and the batch."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass
from keyword import iskeyword
from types import MappingProxyType
from typing import Annotated, Any, Final, get_args

import orjson
from fastapi import APIRouter, Body, Header, Request, Security
from pydantic import BaseModel
from starlette.responses import Response

from segops_common.contracts.events import EventKind
from segops_common.contracts.http import IDEMPOTENCY_KEY_HEADER, INGESTION_PREFIX
from segops_common.core.problems import Fault, PayloadTooLarge, Problem, ValidationFailed
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal
from segops_common.web.dependencies import require, session_auth
from segops_common.web.idempotency import MAX_KEY_CHARS
from segops_common.web.problems import problems
from segops_ingest.api.examples import CALL_EXAMPLES, RESPONSE_EXAMPLES, TEXT_EXAMPLES
from segops_ingest.api.fast_routes import TEXT, DocumentedAs, FastRoute, SecretKeyRoute
from segops_ingest.api.refusals import note_event_type, report_skipped, report_violations, use_cases_of
from segops_ingest.api.schemas import CALLS, RESPONSES, Accepted
from segops_ingest.domain.limits import MAX_BATCH_EVENTS
from segops_ingest.domain.refusal import Code, EventRefused, Hints
from segops_ingest.service.accept_events import Ingest, Receipt
from segops_ingest.service.schemas.ruling import Violated


@dataclass(frozen=True, slots=True)
class Many:
    """A body with many events: the field that lists them, all fields, and what a refusal calls the body."""

    field: str
    fields: frozenset[str]
    owner: str


BATCH = Many("batch", frozenset({"batch", "sent_at"}), "a batch")
TRACKED = Many("events", frozenset({"events", "sent_at"}), "this request")
IMPORT = Many("batch", frozenset({"batch"}), "an import")

SCHEMA_VIOLATION: Final = "schema-violation"
"""Code of the warning about an accepted event that violates the schema of its type."""
OWN_SLUGS = ("too-complex", "timestamp-out-of-range")
"""Codes that also have a problem type of their own, because callers should react to them differently."""

Caller = Annotated[KeyPrincipal, require(Scope.EVENTS_WRITE, users=False)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=IDEMPOTENCY_KEY_HEADER,
        min_length=1,
        max_length=MAX_KEY_CHARS,
        pattern=r"^[ -~]+$",
        description="Determines the message ids of events that have none, so that the request can be repeated safely. For 7 "
        "days the same key with other events gets 422 `idempotency-key-reused`.",
    ),
]
Endpoint = Callable[..., Awaitable[Response]]
NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

OPERATIONS: dict[EventKind, tuple[str, str]] = {
    "track": ("Track an event", "Record something that a user did."),
    "identify": ("Identify a user", "Set traits of a user, or remove them with null."),
    "page": ("Record a page view", "Record that a user saw a page of a website."),
    "screen": ("Record a screen view", "Record that a user saw a screen of an app."),
    "group": ("Add a user to a group", "Record that a user belongs to a group, such as a company or a team."),
    "alias": ("Link two ids of a user", "Record that two ids belong to the same user."),
}
_STORED = (
    " The response 202 means that the event is stored durably and will count exactly once, unless `quarantined` lists it. After any other response, or "
    "none, send it again with the same `message_id` or `Idempotency-Key`."
)
_AS_TEXT = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "The same call as JSON text, with a publishable key in `api_key`, or a session token in "
    "`session_token`, instead of the Authorization header. "
    "Browsers send it without a preflight, even while the user leaves the page.",
}


def router() -> APIRouter:
    """Return all routes, under the public prefix."""
    routes = APIRouter(prefix=INGESTION_PREFIX, route_class=FastRoute, tags=["ingestion"])
    for kind in get_args(EventKind):
        summary, description = OPERATIONS[kind]
        _add(routes, kind, _single(kind), summary, description + _STORED)
    _add(
        routes,
        "track/batch",
        _tracked,
        "Track many events",
        "A batch of track calls. Each is validated on its own: `skipped` counts the refused ones, and `errors` lists them by "
        "index. If all are refused, the response is 422 `no-valid-event`. If no event has a `message_id`, each has a time and "
        "there is no `Idempotency-Key`, message ids are made from the content, so the same request counts once, however "
        "often it is sent. Exception: a single event whose time has whole seconds is an event of its own." + _STORED,
    )
    _add(
        routes,
        "batch",
        _batch,
        "Send a batch of calls",
        "Each call is validated on its own. The response is 202 if at least one call is accepted; `errors` lists the "
        "refused calls by index. If all are refused, the response is 422 `no-valid-event` with the first twenty errors."
        + _STORED,
    )
    _add(
        routes,
        "import",
        _import,
        "Import history",
        "Like a batch, for events of any age. Each must have its own `timestamp` and `message_id`, so importing an event "
        "again changes nothing. If an event was also sent to another route, that delivery stands. Imports have a queue of "
        "their own and do not delay live events. Requires a secret key." + _STORED,
        SecretKeyRoute,
    )
    return routes


def _add(
    routes: APIRouter,
    name: str,
    endpoint: Endpoint,
    summary: str,
    description: str,
    route: type[FastRoute] = FastRoute,
) -> None:
    takes_sessions = route is FastRoute
    as_text = {TEXT: {"schema": _AS_TEXT, "example": TEXT_EXAMPLES[name]}} if takes_sessions else {}
    routes.add_api_route(
        f"/{name}/",
        _documented(endpoint, CALLS[name], CALL_EXAMPLES[name]),
        methods=["POST"],
        # A keyword cannot name a function of a generated client.
        operation_id=f"{name}Events" if iskeyword(name) else name.replace("/b", "B"),
        summary=summary,
        description=description,
        status_code=202,
        response_model=None,
        dependencies=[Security(session_auth)] if takes_sessions else None,
        responses={
            202: {
                "model": RESPONSES.get(name, Accepted),
                "description": "Accepted and stored.",
                "content": {"application/json": {"examples": RESPONSE_EXAMPLES[name]}},
            },
            **problems(400, 401, 403, 413, 415, 422, 503),
        },
        openapi_extra={"requestBody": {"content": as_text}},
        route_class_override=route,
    )


def _documented(endpoint: Endpoint, model: type[BaseModel], examples: dict[str, Any]) -> Endpoint:
    """Wrap the endpoint in a signature from which FastAPI documents the body."""

    async def documented(
        request: Request,
        caller: Caller,
        call: Annotated[Any, Body(openapi_examples=examples), DocumentedAs(model)],
        idempotency_key: IdempotencyKey = None,
    ) -> Response:
        return await endpoint(request, caller, call, idempotency_key)

    return documented


def _single(kind: EventKind) -> Endpoint:
    async def single(request: Request, caller: KeyPrincipal, call: Any, idempotency_key: str | None) -> Response:
        try:
            receipt = await _service(request).accept_one(
                caller.tenant_id, kind, call, idempotency_key=idempotency_key, joins=caller.joins_ids
            )
        except EventRefused as refusal:
            note_event_type(request, refusal.event_type)
            raise refused_event(refusal) from refusal
        report_violations(request, receipt.violated)
        return _accepted(receipt, {"queued": True} if kind == "track" else {})

    return single


async def _import(request: Request, caller: KeyPrincipal, call: Any, idempotency_key: str | None) -> Response:
    items = _items(call, IMPORT)
    receipt = await _service(request).accept_import(
        caller.tenant_id, items, idempotency_key=idempotency_key, joins=caller.joins_ids
    )
    return _accepted_many(request, receipt, IMPORT)


async def _batch(request: Request, caller: KeyPrincipal, call: Any, idempotency_key: str | None) -> Response:
    items = _items(call, BATCH)
    try:
        receipt = await _service(request).accept_batch(
            caller.tenant_id,
            items,
            idempotency_key=idempotency_key,
            sent_at=call.get("sent_at"),
            joins=caller.joins_ids,
        )
    except EventRefused as refusal:
        raise _invalid(refusal) from refusal
    return _accepted_many(request, receipt, BATCH)


async def _tracked(request: Request, caller: KeyPrincipal, call: Any, idempotency_key: str | None) -> Response:
    calls = _items(call, TRACKED)
    try:
        receipt = await _service(request).accept_tracked(
            caller.tenant_id,
            calls,
            idempotency_key=idempotency_key,
            sent_at=call.get("sent_at"),
            joins=caller.joins_ids,
        )
    except EventRefused as refusal:
        raise _invalid(refusal) from refusal
    counts = {"queued": len(receipt.message_ids), "skipped": len(receipt.refused)}
    return _accepted_many(request, receipt, TRACKED, counts)


def _accepted_many(request: Request, receipt: Receipt, body: Many, counts: Mapping[str, Any] = NOTHING) -> Response:
    """Return the response to a body with many events. Raises ValidationFailed if no item is valid."""
    faults = [
        Fault(_path(body, index, fault.path), fault.code, fault.detail)
        for index, refusal in receipt.refused
        for fault in _faults(refusal)
    ]
    if not receipt.message_ids:
        # A problem lists at most twenty faults. Its type tells that every item has one.
        raise ValidationFailed(
            f"At least one of the {len(receipt.refused)} items must be valid: see `errors`.",
            slug="no-valid-event",
            errors=faults,
        )
    if faults:
        report_skipped(request, receipt.refused)
    report_violations(request, receipt.violated)
    return _accepted(receipt, counts, body)


def _service(request: Request) -> Ingest:
    return use_cases_of(request).ingest


def _items(call: Any, body: Many) -> list[Any]:
    """Return the items of a body with many events. Raises ValidationFailed or PayloadTooLarge."""
    if type(call) is not dict:
        raise _invalid(EventRefused("", "wrong-type", "must be an object"))
    if not call.keys() <= body.fields:
        unknown = (name for name in call if name not in body.fields)
        raise _invalid(Hints().unknown_fields(unknown, body.fields, body.owner))
    items = call.get(body.field)
    if type(items) is not list or not items:
        code: Code = "missing" if items is None else "wrong-type"
        raise _invalid(EventRefused(body.field, code, "must be a list of at least one call"))
    if len(items) > MAX_BATCH_EVENTS:
        raise PayloadTooLarge(
            f"A batch must have at most {MAX_BATCH_EVENTS} items. Send the rest in another batch.",
            slug="batch-too-large",
        )
    return items


def _invalid(refusal: EventRefused) -> ValidationFailed:
    return ValidationFailed("The batch must be valid: see `errors`.", errors=_faults(refusal))


def refused_event(refusal: EventRefused) -> Problem:
    faults = _faults(refusal)
    if refusal.code == "event-too-large":
        return PayloadTooLarge(f"The event {refusal.detail}.", slug=refusal.code, errors=faults)
    slug = refusal.code if refusal.code in OWN_SLUGS else None
    return ValidationFailed("The event must be valid: see `errors`.", slug=slug, errors=faults)


def _faults(refusal: EventRefused) -> list[Fault]:
    return [Fault(fault.path, fault.code, fault.detail) for fault in (refusal, *refusal.more)]


def _path(body: Many, index: int, path: str) -> str:
    return f"{body.field}[{index}].{path}".rstrip(".")


def _accepted(receipt: Receipt, more: Mapping[str, Any] = NOTHING, body: Many = BATCH) -> Response:
    """Return the response with `more` fields. Of the kinds of bodies, only those with many events have `errors`."""
    answer = {
        **more,
        "status": "accepted",
        "accepted": len(receipt.message_ids),
        "duplicates": receipt.duplicates,
        "conflicting": receipt.conflicting,
        "quarantined": [violation.index for violation in receipt.violated if violation.is_quarantined],
        "warnings": [*map(asdict, receipt.warnings), *map(_violation, receipt.violated)],
        "message_ids": receipt.message_ids,
        "errors": [
            {
                "index": index,
                "path": _path(body, index, refusal.path),
                "code": refusal.code,
                "detail": refusal.whole_detail,
            }
            for index, refusal in receipt.refused
        ],
    }
    return Response(orjson.dumps(answer), 202, media_type="application/json")


def _violation(violation: Violated) -> dict[str, Any]:
    refusal = violation.refusal
    detail = f"`{refusal.path}` {refusal.whole_detail}"
    return {"index": violation.index, "code": SCHEMA_VIOLATION, "detail": detail}
