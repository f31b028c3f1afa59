"""The `Idempotency-Key` header (draft-ietf-httpapi-idempotency-key-header): every mutating call accepts it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable

from fastapi import Request
from starlette.responses import Response

from segops_common.contracts.http import IDEMPOTENCY_KEY_HEADER
from segops_common.kit.errors import Conflict, Fault, ValidationFailed
from segops_common.kit.idempotency import IdempotencyStore, IdempotentCall, StoredAnswer

MUTATING = ("POST", "PUT", "PATCH", "DELETE")
SECRET_RESPONSE = {"x-secret-response": True}
"""`openapi_extra` of a route whose answer holds a secret: it is never stored."""

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


async def idempotent(
    request: Request, handle: Callable[[Request], Awaitable[Response]], store: IdempotencyStore, *, secret: bool
) -> Response:
    """Handle a call once for its key; a repetition gets the stored answer with `Idempotency-Replayed: true`.

    Only a success is stored: a refusal has done nothing, and may be different when the call is repeated.
    """
    call = await _call(request)
    stored = await store.reserve(call)
    if stored is not None:
        return _replayed(stored)
    try:
        response = await handle(request)
        if response.status_code >= 300:
            await store.release(call)
        else:
            await store.complete(call, StoredAnswer(response.status_code, None if secret else bytes(response.body)))
    except BaseException:
        await store.release(call)
        raise
    return response


async def _call(request: Request) -> IdempotentCall:
    key = request.headers[IDEMPOTENCY_KEY_HEADER]
    if not _KEY.fullmatch(key):
        fault = Fault(f"header.{IDEMPOTENCY_KEY_HEADER}", "invalid", "1 to 255 printable ASCII characters")
        raise ValidationFailed("The Idempotency-Key is not valid.", errors=[fault])
    caller = request.headers.get("authorization", "")
    scope = f"{caller}\n{request.method}\n{request.url.path}"
    body = await request.body()
    return IdempotentCall(hashlib.sha256(scope.encode()).hexdigest(), key, hashlib.sha256(body).hexdigest())


def _replayed(stored: StoredAnswer) -> Response:
    if stored.body is None:
        raise Conflict(
            "The first call with this Idempotency-Key succeeded; its answer held a secret, which is shown once.",
            slug="idempotency-replayed",
        )
    headers = {"Idempotency-Replayed": "true"}
    return Response(stored.body, stored.status, headers, media_type="application/json" if stored.body else None)
