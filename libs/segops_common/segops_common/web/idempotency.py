"""Idempotency-Key: a repeated mutating request takes effect once and gets the first response again.

The key belongs to a caller, a method and a path. An anonymous caller is who sends the same credentials in the body. For 24 hours, the same key with the same body gets the same response
with `Idempotency-Replayed: true`; with another body 422 idempotency-key-reused; while the first request is in progress
409 idempotency-in-progress. Responses that a later attempt may change are not stored: 401, 408, 429, 5xx, and those to
unreadable requests. If a process dies after the effect and before the response is stored, the key is free again after
a minute: an effect that must never happen twice needs its own constraint in the database.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from typing import TypeVar

import orjson
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
_CREDENTIALS = "__credential_fields__"
_COOKIE = "__credential_cookie__"
_PERSON = "__names_a_person__"
F = TypeVar("F", bound=Callable[..., object])


def answers_with_a_secret(endpoint: F) -> F:
    """Mark a handler whose response is shown once: it is never stored, and a repetition gets 409 idempotency-replayed."""
    setattr(endpoint, _SECRET, True)
    return endpoint


def may_answer_with_a_secret(field: str) -> Callable[[F], F]:
    """Mark a handler whose response is treated so only if this field of it is not null."""

    def mark(endpoint: F) -> F:
        setattr(endpoint, _SECRET, field)
        return endpoint

    return mark


def names_a_person(endpoint: F) -> F:
    """Mark a handler whose path names a person: the path is then kept as a hash, which the key salts."""
    setattr(endpoint, _PERSON, True)
    return endpoint


def identified_by(*fields: str, cookie: str | None = None) -> Callable[[F], F]:
    """Mark a handler of anonymous callers: Idempotency-Keys belong to whoever sends these fields with the same values.

    Name every credential in the body, and the cookie that can stand in for them. Otherwise one person's request could get
    the response to another's.
    """

    def mark(endpoint: F) -> F:
        setattr(endpoint, _CREDENTIALS, fields)
        setattr(endpoint, _COOKIE, cookie)
        return endpoint

    return mark


def credential_fields(endpoint: object) -> tuple[str, ...]:
    """Return the fields that `identified_by` names, or none."""
    fields: tuple[str, ...] = getattr(endpoint, _CREDENTIALS, ())
    return fields


def idempotency_key(request: Request) -> str | None:
    """Return the key of a mutating request, or None without one. Raises ValidationFailed for a key that is not valid."""
    if request.method not in MUTATING:
        return None
    values = request.headers.getlist(IDEMPOTENCY_KEY_HEADER)
    if not values:
        return None
    key = values[0]
    if len(values) > 1 or not 0 < len(key) <= MAX_KEY_CHARS or not key.isascii() or not key.isprintable():
        fault = Fault(
            "header.Idempotency-Key",
            "wrong-format",
            f"must be given once, with 1 to {MAX_KEY_CHARS} printable ASCII characters",
        )
        raise ValidationFailed("`Idempotency-Key` must be valid: see `errors`.", errors=[fault])
    return key


async def idempotent_call(request: Request, *, key: str, body: bytes, endpoint: object) -> IdempotentCall:
    """Return the call that the key identifies: one caller, method and path, and the digest of query and body."""
    path: str = request.scope["path"]
    if getattr(endpoint, _PERSON, False):
        path = hashlib.sha256(f"{key}\n{path}".encode(errors="surrogatepass")).hexdigest()
    return IdempotentCall(
        scope=f"{await _who(request, endpoint)} {request.method} {path}",
        key=key,
        digest=hashlib.sha256(request.scope["query_string"] + b"\n" + body).hexdigest(),
        holds_credentials=bool(credential_fields(endpoint)),
    )


async def answer_once(
    request: Request, *, key: str, body: bytes, endpoint: object, handle: Callable[[], Awaitable[Response]]
) -> Response:
    """Return the handler's response, or the stored one. Raises Conflict, ValidationFailed and the handler's errors."""
    store: IdempotencyStore = request.app.state.idempotency
    call = await idempotent_call(request, key=key, body=body, endpoint=endpoint)
    stored = await store.reserve(call)
    if stored is not None:
        return _replayed(stored)
    try:
        answer = await _handled(request, handle)
    except BaseException:
        await store.release(call)
        raise
    if answer.status_code >= 400 and answer.status_code not in KEPT_PROBLEMS:
        await store.release(call)
        return answer
    await store.complete(call, _stored(endpoint, answer))
    return answer


def _stored(endpoint: object, answer: Response) -> StoredAnswer:
    """Return what is stored of a response: without its body if that holds a secret."""
    body, mark = bytes(answer.body), getattr(endpoint, _SECRET, False)
    if answer.status_code < 300 and isinstance(mark, str):
        content = orjson.loads(body)
        mark = isinstance(content, dict) and content.get(mark) is not None
    return StoredAnswer(answer.status_code, None if mark and answer.status_code < 300 else body)


async def _handled(request: Request, handle: Callable[[], Awaitable[Response]]) -> Response:
    """Turn problems that a repetition would meet again into responses, so that they are stored too."""
    try:
        return await handle()
    except Problem as problem:
        if problem.status not in KEPT_PROBLEMS:
            raise
        return answer_for(problem, request_id(request))


async def _who(request: Request, endpoint: object) -> str:
    caller: Principal | None = getattr(request.state, "principal", None)
    match caller:
        case UserPrincipal(user_id=user_id):
            return f"user {user_id}"
        case KeyPrincipal(key_id=key_id):
            return f"key {key_id}"
        case None:
            return await _anonymous(request, credential_fields(endpoint), getattr(endpoint, _COOKIE, None))


async def _anonymous(request: Request, fields: tuple[str, ...], cookie: str | None) -> str:
    assert fields, "StrictRoute refuses a handler of anonymous callers without `identified_by`"
    body = await request.json()
    values = [body.get(field) if isinstance(body, dict) else None for field in fields]
    if cookie is not None:
        values.append(request.cookies.get(cookie))
    return f"anonymous {hashlib.sha256(orjson.dumps(values)).hexdigest()}"


def _replayed(stored: StoredAnswer) -> Response:
    if stored.body is None:
        raise Conflict(
            "This request took effect before. Its response held a secret, which is shown only once.",
            slug="idempotency-replayed",
        )
    medium = PROBLEM_MEDIA_TYPE if stored.status >= 400 else "application/json"
    headers = {REPLAYED_HEADER: "true"} | ({"Content-Type": medium} if stored.body else {})
    return Response(stored.body, stored.status, headers=headers)
