"""The route class of every service: checks callers, query strings and bodies before FastAPI validates them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Final, Protocol, TypeVar, runtime_checkable

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.responses import Response

from segops_common.core.problems import Problem
from segops_common.web.idempotency import MUTATING, answer_once, credential_fields, idempotency_key
from segops_common.web.request.body import (
    ANONYMOUS_BODY,
    LARGE_BODY,
    SMALL_BODY,
    BodyLimits,
    parse_json,
    read_body,
    require_json,
)
from segops_common.web.request.budget import while_caller_waits, within_budget
from segops_common.web.request.charges import REQUESTS, RateLimits, charged_as
from segops_common.web.request.query import check_query, parameters_of

TAKES_IDEMPOTENCY_KEY = "x-takes-idempotency-key"
"""Marks an operation that accepts Idempotency-Key until its OpenAPI document says so."""
READS_ONLY = {TAKES_IDEMPOTENCY_KEY: False}
"""For a POST that only reads: repeating it is harmless, so it accepts no Idempotency-Key."""
_LARGE: Final = "__takes_a_large_body__"
_UPLOAD: Final = "__takes_an_upload__"
F = TypeVar("F", bound=Callable[..., object])


def takes_a_large_body(endpoint: F) -> F:
    """Mark a handler whose largest legal body has thousands of values, such as a definition or a list."""
    setattr(endpoint, _LARGE, True)
    return endpoint


def takes_an_upload(endpoint: F) -> F:
    """Mark a handler that reads its large body itself: it may take as long as the gateway allows for uploads."""
    setattr(endpoint, _UPLOAD, True)
    return endpoint


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
        self.query_names = parameters_of(self.dependant)
        self.charged = charged_as(endpoint)
        documented = dict(self.openapi_extra or {})
        for gatekeeper in self._gatekeepers:
            documented |= gatekeeper.documented
        if MUTATING.intersection(self.methods or ()):
            documented.setdefault(TAKES_IDEMPOTENCY_KEY, True)
        self.openapi_extra = documented
        # Routes for services only read, so repeating them is harmless too.
        self.takes_idempotency_key = bool(documented.get(TAKES_IDEMPOTENCY_KEY)) and self.include_in_schema
        # A change goes on when its caller has gone: it may have taken effect.
        self.only_reads = not MUTATING.intersection(self.methods or ()) or not documented[TAKES_IDEMPOTENCY_KEY]
        if self.takes_idempotency_key and not self._gatekeepers and not credential_fields(endpoint):
            raise TypeError(f"{path}: the handler of anonymous callers must be marked with `identified_by`")

    @property
    def is_anonymous(self) -> bool:
        """Whether anyone may call, without a credential."""
        return not self._gatekeepers

    @property
    def takes_an_upload(self) -> bool:
        """Whether the handler itself reads a body that may take longer than other requests."""
        return bool(getattr(self.endpoint, _UPLOAD, False))

    @property
    def body_limits(self) -> BodyLimits:
        """The limits of the body, which hold before anything validates it."""
        if self.is_anonymous:
            return ANONYMOUS_BODY
        return LARGE_BODY if getattr(self.endpoint, _LARGE, False) else SMALL_BODY

    async def charge(self, request: Request, cost: int = 1) -> None:
        """Charge the request to its caller. Raises RateLimited. Other services are not charged."""
        limits: RateLimits | None = getattr(request.app.state, "rate_limits", None)
        is_service = not self.is_anonymous and getattr(request.state, "principal", None) is None
        if limits is not None and not is_service:
            await limits.admit(request, self.charged.kind, cost)

    async def _admit(self, request: Request) -> bytes:
        """Return the body of a caller who may call, has not reached a limit, and sent what can be read.

        A caller who is known is charged in any case: a refused request costs 1.
        """
        await self._pass_gatekeepers(request)
        if self.charged.kind == REQUESTS:
            await self.charge(request)
            return await self._read(request)
        # Only the body says what other kinds cost.
        try:
            body = await self._read(request)
        except Problem:
            await self.charge(request)
            raise
        await self.charge(request, self.charged.cost(getattr(request, "_json", None)))
        return body

    async def _pass_gatekeepers(self, request: Request) -> None:
        try:
            for gatekeeper in self._gatekeepers:
                await gatekeeper.admit(request)
        except Problem:
            await self.charge(request)
            raise

    async def _read(self, request: Request) -> bytes:
        check_query(request, self.query_names)
        if self.body_field is None:
            return b""
        return await _read_json(request, self.body_limits, required=self.body_field.field_info.is_required())

    def get_route_handler(self) -> Handler:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            if self.takes_an_upload:
                return await admitted(request)
            return await within_budget(admitted(request), request.app.state.request_budget_s)

        async def admitted(request: Request) -> Response:
            body = await self._admit(request)
            if self.only_reads:
                return await while_caller_waits(handler(request), request.receive)
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


async def _read_json(request: Request, limits: BodyLimits, *, required: bool) -> bytes:
    body = await read_body(request, limits)
    if not body and not required:
        request._body, request._json = b"", None
        return body
    if body:
        require_json(request)
    request._body, request._json = body, parse_json(body, limits)
    return body
