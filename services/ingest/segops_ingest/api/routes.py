"""Routes of ingestion: one per kind of event, and the batch."""

from collections.abc import Awaitable, Callable
from dataclasses import asdict
from keyword import iskeyword
from typing import Annotated, Any, get_args

import orjson
from fastapi import APIRouter, Body, Header, Request
from pydantic import BaseModel
from starlette.responses import Response

from segops_common.contracts.events import EventKind
from segops_common.contracts.http import IDEMPOTENCY_KEY_HEADER, INGESTION_PREFIX
from segops_common.core.problems import Fault, PayloadTooLarge, Problem, ValidationFailed
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal
from segops_common.web.dependencies import require
from segops_common.web.idempotency import MAX_KEY_CHARS
from segops_common.web.problems import problems
from segops_ingest.api.examples import CALL_EXAMPLES, RESPONSE_EXAMPLES, TEXT_EXAMPLES
from segops_ingest.api.fast_routes import TEXT, DocumentedAs, FastRoute, SecretKeyRoute
from segops_ingest.api.schemas import CALLS, Accepted
from segops_ingest.domain.limits import MAX_BATCH_EVENTS
from segops_ingest.domain.refusal import Code, EventRefused, Hints
from segops_ingest.service.accept_events import Ingest, Receipt

BATCH_FIELDS = frozenset({"batch", "sent_at"})
IMPORT_FIELDS = frozenset({"batch"})

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

OPERATIONS: dict[EventKind, tuple[str, str]] = {
    "track": ("Track an event", "Record something that a user did."),
    "identify": ("Identify a user", "Set traits of a user, or remove them with null."),
    "page": ("Record a page view", "Record that a user saw a page of a website."),
    "screen": ("Record a screen view", "Record that a user saw a screen of an app."),
    "group": ("Add a user to a group", "Record that a user belongs to a group, such as a company or a team."),
    "alias": ("Link two ids of a user", "Record that two ids belong to the same user."),
}
_STORED = (
    " The response 202 means that the event is stored durably and will count exactly once. After any other response, or "
    "none, send it again with the same `message_id` or `Idempotency-Key`."
)
_AS_TEXT = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "The same call as JSON text, with a publishable key in `api_key` instead of the Authorization header. "
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
    as_text = {TEXT: {"schema": _AS_TEXT, "example": TEXT_EXAMPLES[name]}} if route is FastRoute else {}
    routes.add_api_route(
        f"/{name}/",
        _documented(endpoint, CALLS[name], CALL_EXAMPLES[name]),
        methods=["POST"],
        # A keyword cannot name a function of a generated client.
        operation_id=f"{name}_events" if iskeyword(name) else name,
        summary=summary,
        description=description,
        status_code=202,
        response_model=None,
        responses={
            202: {
                "model": Accepted,
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
            receipt = await _service(request).accept_one(caller.tenant_id, kind, call, idempotency_key=idempotency_key)
        except EventRefused as refusal:
            raise _problem(refusal) from refusal
        return _accepted(receipt)

    return single


async def _import(request: Request, caller: KeyPrincipal, call: Any, idempotency_key: str | None) -> Response:
    items = _items(call, IMPORT_FIELDS, "an import")
    return _answered(await _service(request).accept_import(caller.tenant_id, items, idempotency_key=idempotency_key))


async def _batch(request: Request, caller: KeyPrincipal, call: Any, idempotency_key: str | None) -> Response:
    items = _items(call, BATCH_FIELDS, "a batch")
    try:
        receipt = await _service(request).accept_batch(
            caller.tenant_id, items, idempotency_key=idempotency_key, sent_at=call.get("sent_at")
        )
    except EventRefused as refusal:
        raise _invalid(refusal) from refusal
    return _answered(receipt)


def _answered(receipt: Receipt) -> Response:
    """Return the response to a batch. Raises ValidationFailed if no item is valid."""
    if not receipt.message_ids:
        faults = [
            Fault(f"batch[{index}].{fault.path}".rstrip("."), fault.code, fault.detail)
            for index, refusal in receipt.refused
            for fault in _faults(refusal)
        ]
        # A problem lists at most twenty faults. Its type tells that every item has one.
        raise ValidationFailed(
            f"At least one of the {len(receipt.refused)} items must be valid: see `errors`.",
            slug="no-valid-event",
            errors=faults,
        )
    return _accepted(receipt)


def _service(request: Request) -> Ingest:
    service: Ingest = request.app.state.running
    return service


def _items(call: Any, fields: frozenset[str], owner: str) -> list[Any]:
    """Return the items of a batch with these fields. Raises ValidationFailed or PayloadTooLarge."""
    if type(call) is not dict:
        raise _invalid(EventRefused("", "wrong-type", "must be an object"))
    if not call.keys() <= fields:
        raise _invalid(Hints().unknown_fields((name for name in call if name not in fields), fields, owner))
    items = call.get("batch")
    if type(items) is not list or not items:
        code: Code = "missing" if items is None else "wrong-type"
        raise _invalid(EventRefused("batch", code, "must be a list of at least one call"))
    if len(items) > MAX_BATCH_EVENTS:
        raise PayloadTooLarge(
            f"A batch must have at most {MAX_BATCH_EVENTS} items. Send the rest in another batch.",
            slug="batch-too-large",
        )
    return items


def _invalid(refusal: EventRefused) -> ValidationFailed:
    return ValidationFailed("The batch must be valid: see `errors`.", errors=_faults(refusal))


def _problem(refusal: EventRefused) -> Problem:
    faults = _faults(refusal)
    if refusal.code == "event-too-large":
        return PayloadTooLarge(f"The event {refusal.detail}.", slug=refusal.code, errors=faults)
    slug = refusal.code if refusal.code in OWN_SLUGS else None
    return ValidationFailed("The event must be valid: see `errors`.", slug=slug, errors=faults)


def _faults(refusal: EventRefused) -> list[Fault]:
    return [Fault(fault.path, fault.code, fault.detail) for fault in (refusal, *refusal.more)]


def _accepted(receipt: Receipt) -> Response:
    body = {
        "status": "accepted",
        "accepted": len(receipt.message_ids),
        "duplicates": receipt.duplicates,
        "conflicting": receipt.conflicting,
        "warnings": [asdict(warning) for warning in receipt.warnings],
        "message_ids": receipt.message_ids,
        "errors": [
            {"index": index, "code": refusal.code, "detail": str(refusal)} for index, refusal in receipt.refused
        ],
    }
    return Response(orjson.dumps(body), 202, media_type="application/json")
