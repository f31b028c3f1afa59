"""The route class of every service: bodies pass the gate, query strings are read strictly."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import Request
from fastapi.routing import APIRoute
from starlette.responses import Response

from segops_common.contracts.http import IDEMPOTENCY_KEY_HEADER
from segops_common.kit.errors import Fault, MalformedRequest, ValidationFailed
from segops_common.kit.idempotency import IdempotencyStore
from segops_common.web.body import parse_json, read_body, require_json
from segops_common.web.idempotency import MUTATING, idempotent


@runtime_checkable
class Gatekeeper(Protocol):
    """A dependency that decides who may call; asked before anything of the request is read."""

    documented: dict[str, Any]

    async def admit(self, request: Request) -> object:
        """Raises a Problem for a caller who may not."""
        ...


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """Asks who calls, then reads the body once through the gate, before FastAPI validates anything."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, endpoint, **more)
        calls: list[object] = [dependency.call for dependency in self.dependant.dependencies]
        self._gatekeepers = [call for call in calls if isinstance(call, Gatekeeper)]
        for gatekeeper in self._gatekeepers:
            self.openapi_extra = (self.openapi_extra or {}) | gatekeeper.documented

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        body_field = self.body_field
        secret = bool((self.openapi_extra or {}).get("x-secret-response"))

        async def strict(request: Request) -> Response:
            for gatekeeper in self._gatekeepers:
                await gatekeeper.admit(request)
            check_query(request)
            if body_field is not None:
                await _read_json(request, required=body_field.field_info.is_required())
            store: IdempotencyStore | None = getattr(request.app.state, "idempotency", None)
            if store is None or request.method not in MUTATING or IDEMPOTENCY_KEY_HEADER not in request.headers:
                return await handler(request)
            return await idempotent(request, handler, store, secret=secret)

        return strict


def check_query(request: Request) -> None:
    """Raises MalformedRequest or ValidationFailed for a query string that could be read in two ways."""
    raw: bytes = request.scope.get("query_string", b"")
    if not raw:
        return
    try:
        text = unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest("The query string is not UTF-8.", slug="malformed-query") from error
    names = [name for name, _ in parse_qsl(raw.decode("latin-1"), keep_blank_values=True)]
    if "\0" in text:
        raise ValidationFailed(
            "The query string holds a NUL character.",
            slug="nul-character",
            errors=[Fault("query", "nul-character", "no text may hold U+0000")],
        )
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        faults = [Fault(f"query.{name}", "repeated", "give it once") for name in repeated]
        raise ValidationFailed("A query parameter is given more than once.", errors=faults)


async def _read_json(request: Request, *, required: bool) -> None:
    body = await read_body(request)
    if not body and not required:
        request._body, request._json = b"", None
        return
    require_json(request)
    request._body, request._json = body, parse_json(body)
