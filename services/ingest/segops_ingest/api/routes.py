"""The ingestion calls: one route per kind of event, and the batch."""

from collections.abc import Awaitable, Callable
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
from segops_ingest.api.examples import ANSWER_EXAMPLES, CALL_EXAMPLES, TEXT_EXAMPLES
from segops_ingest.api.fast_routes import TEXT, DocumentedAs, FastRoute
from segops_ingest.api.schemas import CALLS, Accepted
from segops_ingest.domain.limits import MAX_BATCH_EVENTS
from segops_ingest.domain.refusal import EventRefused
from segops_ingest.service.accept_events import Ingest, Receipt

OWN_SLUGS = ("too-complex", "timestamp-out-of-range")
"""Codes that are also a problem type of their own, as they call for another reaction than a typing error."""

Caller = Annotated[KeyPrincipal, require(Scope.EVENTS_WRITE, users=False)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias=IDEMPOTENCY_KEY_HEADER,
        min_length=1,
        max_length=MAX_KEY_CHARS,
        pattern=r"^[ -~]+$",
        description="Makes the message ids of events that have none, so that the request can be repeated.",
    ),
]
Endpoint = Callable[..., Awaitable[Response]]

OPERATIONS: dict[EventKind, tuple[str, str]] = {
    "track": ("Track an event", "Something a user did."),
    "identify": ("Identify a user", "Set or, with null, remove traits of a user."),
    "page": ("Record a page view", "A user saw a page of a web site."),
    "screen": ("Record a screen view", "A user saw a screen of an app."),
    "group": ("Put a user into a group", "A user belongs to a company, a team, an account."),
    "alias": ("Join two ids of a user", "The user known by one id is the one known by another."),
}
_STORED = (
    " When the answer is 202 the event is stored durably and will count exactly once; send it again after any other "
    "answer or none, with the same `message_id` or `Idempotency-Key`."
)
_AS_TEXT = {
    "type": "string",
    "contentMediaType": "application/json",
    "description": "The same call as JSON text with a publishable key in `api_key`, in place of the Authorization header: "
    "browsers send it without a preflight, so also while a page is left.",
}


def router() -> APIRouter:
    """All routes under the public prefix."""
    routes = APIRouter(prefix=INGESTION_PREFIX, route_class=FastRoute, tags=["ingestion"])
    for kind in get_args(EventKind):
        summary, description = OPERATIONS[kind]
        _add(routes, kind, _single(kind), summary, description + _STORED)
    _add(
        routes,
        "batch",
        _batch,
        "Send a batch of calls",
        "Calls are judged one by one: the answer is 202 when at least one is accepted, and `errors` names every "
        "refused one by its index. When all are refused it is 422 `no-valid-event`, which says why for the first twenty."
        + _STORED,
    )
    return routes


def _add(routes: APIRouter, name: str, endpoint: Endpoint, summary: str, description: str) -> None:
    routes.add_api_route(
        f"/{name}/",
        _documented(endpoint, CALLS[name], CALL_EXAMPLES[name]),
        methods=["POST"],
        operation_id=name,
        summary=summary,
        description=description,
        status_code=202,
        response_model=None,
        responses={
            202: {
                "model": Accepted,
                "description": "Accepted and stored.",
                "content": {"application/json": {"examples": ANSWER_EXAMPLES[name]}},
            },
            **problems(400, 401, 403, 413, 415, 422, 503),
        },
        openapi_extra={"requestBody": {"content": {TEXT: {"schema": _AS_TEXT, "example": TEXT_EXAMPLES[name]}}}},
    )


def _documented(endpoint: Endpoint, model: type[BaseModel], examples: dict[str, Any]) -> Endpoint:
    """The endpoint under a signature that tells FastAPI what the body looks like."""

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


async def _batch(request: Request, caller: KeyPrincipal, call: Any, idempotency_key: str | None) -> Response:
    items = _items(call)
    receipt = await _service(request).accept_batch(caller.tenant_id, items, idempotency_key=idempotency_key)
    if not receipt.message_ids:
        faults = [
            Fault(f"batch[{index}].{refusal.path}".rstrip("."), refusal.code, refusal.detail)
            for index, refusal in receipt.refused
        ]
        # A problem names twenty faults at most; its type says that there is no item without one.
        raise ValidationFailed(f"None of the {len(items)} items is valid.", slug="no-valid-event", errors=faults)
    return _accepted(receipt)


def _service(request: Request) -> Ingest:
    service: Ingest = request.app.state.running
    return service


def _items(call: Any) -> list[Any]:
    """The items of a batch that is one; raises ValidationFailed or PayloadTooLarge."""
    if type(call) is not dict:
        raise _invalid("", "wrong-type", "must be an object")
    unknown = sorted(call.keys() - {"batch", "sent_at"})
    if unknown:
        raise _invalid(unknown[0], "unknown-field", "there is no such field")
    if type(call.get("sent_at", "")) is not str:
        raise _invalid("sent_at", "wrong-type", "must be text")
    items = call.get("batch")
    if type(items) is not list or not items:
        raise _invalid("batch", "missing" if items is None else "wrong-type", "must be a list of at least one call")
    if len(items) > MAX_BATCH_EVENTS:
        raise PayloadTooLarge(f"A batch has at most {MAX_BATCH_EVENTS} items.", slug="batch-too-large")
    return items


def _invalid(path: str, code: str, detail: str) -> ValidationFailed:
    return ValidationFailed("The batch is not valid.", errors=[Fault(path, code, detail)])


def _problem(refusal: EventRefused) -> Problem:
    fault = Fault(refusal.path, refusal.code, refusal.detail)
    if refusal.code == "event-too-large":
        return PayloadTooLarge(refusal.detail, slug=refusal.code, errors=[fault])
    slug = refusal.code if refusal.code in OWN_SLUGS else None
    return ValidationFailed("The event is not valid.", slug=slug, errors=[fault])


def _accepted(receipt: Receipt) -> Response:
    answer = {
        "status": "accepted",
        "accepted": len(receipt.message_ids),
        "duplicates": receipt.duplicates,
        "message_ids": receipt.message_ids,
        "errors": [
            {"index": index, "code": refusal.code, "detail": str(refusal)} for index, refusal in receipt.refused
        ],
    }
    return Response(orjson.dumps(answer), 202, media_type="application/json")
