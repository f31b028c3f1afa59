"""The route class of every service: checks callers, query strings and bodies before FastAPI validates them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol, runtime_checkable
from urllib.parse import parse_qsl, unquote_to_bytes

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response

from segops_common.core.problems import Fault, MalformedRequest, ValidationFailed
from segops_common.web.idempotency import MUTATING, answer_once, credential_fields, idempotency_key
from segops_common.web.request.body import nul_character, parse_json, read_body, require_json
from segops_common.web.request.paths import child_path
from segops_common.web.request.validation import MAX_FAULTS

TAKES_IDEMPOTENCY_KEY = "x-takes-idempotency-key"
"""Marks an operation that accepts Idempotency-Key until its OpenAPI document says so."""
READS_ONLY = {TAKES_IDEMPOTENCY_KEY: False}
"""For a POST that only reads: repeating it is harmless, so it accepts no Idempotency-Key."""


@runtime_checkable
class Gatekeeper(Protocol):
    """A dependency that decides who may call, before anything else of the request is read."""

    documented: dict[str, Any]

    async def admit(self, request: Request) -> object:
        """Raise a Problem for a caller who may not."""
        ...


Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class StrictRoute(APIRoute):
    """Admits the caller, then reads the body once within its limits, before FastAPI validates anything."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, endpoint, **more)
        self._gatekeepers = list(_gatekeepers(self.dependant))
        documented = dict(self.openapi_extra or {})
        for gatekeeper in self._gatekeepers:
            documented |= gatekeeper.documented
        if MUTATING.intersection(self.methods or ()):
            documented.setdefault(TAKES_IDEMPOTENCY_KEY, True)
        self.openapi_extra = documented
        # Routes for services only read, so repeating them is harmless too.
        self.takes_idempotency_key = bool(documented.get(TAKES_IDEMPOTENCY_KEY)) and self.include_in_schema
        if self.takes_idempotency_key and not self._gatekeepers and not credential_fields(endpoint):
            raise TypeError(f"{path}: the handler of anonymous callers must be marked with `identified_by`")

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()
        body_field = self.body_field

        async def strict(request: Request) -> Response:
            for gatekeeper in self._gatekeepers:
                await gatekeeper.admit(request)
            check_query(request)
            body = b""
            if body_field is not None:
                body = await _read_json(request, required=body_field.field_info.is_required())
            key = idempotency_key(request) if self.takes_idempotency_key else None
            if key is None or request.app.state.idempotency is None:
                return await handler(request)
            return await answer_once(
                request, key=key, body=body, endpoint=self.endpoint, handle=lambda: handler(request)
            )

        return strict


def _gatekeepers(dependant: Dependant) -> Iterator[Gatekeeper]:
    for dependency in dependant.dependencies:
        if isinstance(dependency.call, Gatekeeper):
            yield dependency.call
        yield from _gatekeepers(dependency)


def check_query(request: Request) -> None:
    """Raise MalformedRequest or ValidationFailed for an ambiguous query string."""
    raw: bytes = request.scope["query_string"]
    if not raw:
        return
    try:
        unquote_to_bytes(raw).decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedRequest("The query string must be percent-encoded UTF-8.", slug="malformed-query") from error
    parameters = parse_qsl(raw.decode("latin-1"), keep_blank_values=True)
    for name, value in parameters:
        if "\0" in name or "\0" in value:
            raise nul_character(child_path("query", name))
    repeated = sorted(name for name, times in Counter(name for name, _ in parameters).items() if times > 1)
    if repeated:
        faults = [Fault(child_path("query", name), "repeated", "must be given once") for name in repeated[:MAX_FAULTS]]
        raise ValidationFailed("Query parameters must not be repeated.", errors=faults)


async def _read_json(request: Request, *, required: bool) -> bytes:
    body = await read_body(request)
    if not body and not required:
        request._body, request._json = b"", None
        return body
    if body:
        require_json(request)
    request._body, request._json = body, parse_json(body)
    return body
