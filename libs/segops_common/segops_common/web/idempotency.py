"""Idempotency-Key: a mutating request that is sent again is answered again, and carried out once.

The key belongs to a caller, a method and a path. For 24 hours the same key with the same body gets the same answer, with
`Idempotency-Replayed: true`; with another body 422 idempotency-key-reused; while the first is still being worked on 409
idempotency-in-progress. Answers that a later try may change (401, 408, 429, 5xx, and requests that could not be read) are
not kept. A process that dies between the effect and the keeping of its answer leaves the key free after a minute, so
an effect that must never happen twice needs a constraint of its own in the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import Request
from starlette.responses import Response

from segops_common.contracts.http import IDEMPOTENCY_KEY_HEADER, PROBLEM_MEDIA_TYPE
from segops_common.core.idempotency import IdempotencyStore, IdempotentCall, StoredAnswer
from segops_common.core.problems import Conflict, Fault, Problem, ValidationFailed
from segops_common.security.principal import KeyPrincipal, Principal, UserPrincipal
from segops_common.web.problems import answer_for, request_id

MAX_KEY_CHARS = 255
REPLAYED_HEADER = "Idempotency-Replayed"
KEPT_PROBLEMS = frozenset({403, 404, 409, 410, 412, 422})
MUTATING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_SECRET = "__answers_with_a_secret__"
F = TypeVar("F", bound=Callable[..., object])


def answers_with_a_secret(endpoint: F) -> F:
    """Marks a handler whose answer is shown once: it is never kept, so a repetition gets 409 idempotency-replayed."""
    setattr(endpoint, _SECRET, True)
    return endpoint


def idempotency_key(request: Request) -> str | None:
    """The key of a mutating request; raises ValidationFailed for one that is not 1 to 255 printable ASCII characters."""
    if request.method not in MUTATING:
        return None
    given = request.headers.getlist(IDEMPOTENCY_KEY_HEADER)
    if not given:
        return None
    key = given[0]
    if len(given) > 1 or not 0 < len(key) <= MAX_KEY_CHARS or not key.isascii() or not key.isprintable():
        fault = Fault(
            "header.Idempotency-Key", "wrong-format", f"must be once 1 to {MAX_KEY_CHARS} printable ASCII characters"
        )
        raise ValidationFailed("The Idempotency-Key is not valid.", errors=[fault])
    return key


async def answer_once(
    request: Request, *, key: str, body: bytes, endpoint: object, handle: Callable[[], Awaitable[Response]]
) -> Response:
    """The handler's answer, or the one it gave before. Raises Conflict or ValidationFailed, and what the handler raises."""
    store: IdempotencyStore = request.app.state.idempotency
    digest = hashlib.sha256(request.scope["query_string"] + b"\n" + body).hexdigest()
    call = IdempotentCall(scope=_scope(request), key=key, digest=digest)
    before = await store.reserve(call)
    if before is not None:
        return _replayed(before)
    try:
        answer = await _handled(request, handle)
    except BaseException:
        await store.release(call)
        raise
    if answer.status_code >= 400 and answer.status_code not in KEPT_PROBLEMS:
        await store.release(call)
        return answer
    secret = getattr(endpoint, _SECRET, False) and answer.status_code < 300
    await store.complete(call, StoredAnswer(answer.status_code, None if secret else bytes(answer.body)))
    return answer


async def _handled(request: Request, handle: Callable[[], Awaitable[Response]]) -> Response:
    """Refusals that a repetition would meet again are answers too."""
    try:
        return await handle()
    except Problem as problem:
        if problem.status not in KEPT_PROBLEMS:
            raise
        return answer_for(problem, request_id(request))


def _scope(request: Request) -> str:
    return f"{_who(getattr(request.state, 'principal', None))} {request.method} {request.scope['path']}"


def _who(caller: Principal | None) -> str:
    match caller:
        case UserPrincipal(user_id=user_id):
            return f"user {user_id}"
        case KeyPrincipal(key_id=key_id):
            return f"key {key_id}"
        case None:
            return "nobody"


def _replayed(before: StoredAnswer) -> Response:
    if before.body is None:
        raise Conflict(
            "This was carried out before; its answer held a secret, which is not shown twice.",
            slug="idempotency-replayed",
        )
    medium = PROBLEM_MEDIA_TYPE if before.status >= 400 else "application/json"
    headers = {REPLAYED_HEADER: "true"} | ({"Content-Type": medium} if before.body else {})
    return Response(before.body, before.status, headers=headers)
