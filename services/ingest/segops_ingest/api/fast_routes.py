"""Fast routes: FastAPI documents them, but does not handle their requests.

Resolving dependencies and validating a model for each event would take several times as long as the rest of a request.

A page that the user leaves cannot wait for a preflight. It sends JSON as text/plain, for which browsers need no preflight,
with the API key or the session token in the body instead of a header.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from fastapi import Request
from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from starlette.responses import Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as ASGIScope

from segops_common.core.problems import Fault, MalformedRequest, Problem, Unauthenticated, ValidationFailed
from segops_common.security.introspect import Authenticator
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal, Principal
from segops_common.web.dependencies import authenticated
from segops_common.web.idempotency import idempotency_key
from segops_common.web.request.body import LARGE_BODY, BodyLimits, read_body, require_json
from segops_common.web.request.charges import RateLimits
from segops_common.web.request.query import check_query
from segops_common.web.request.route import TAKES_IDEMPOTENCY_KEY, Handler, StrictRoute
from segops_ingest.api.refusals import note_credential_in_body, report_refusal
from segops_ingest.api.session_ids import force_ids
from segops_ingest.domain.json_text import MalformedJson, TooDeep, parse

TEXT: Final = "text/plain"
EVENTS: Final = "events"
"""What rate limits count here: events, not requests."""
LISTS: Final = ("batch", "events")
"""The fields with the events of a request."""
KEY_FIELD: Final = "api_key"
SESSION_FIELD: Final = "session_token"
TEXT_LIMITS: Final = BodyLimits(wire_bytes=64 << 10, inflated_bytes=64 << 10)
"""Such a body is parsed before its key is known. Browsers send no more while a page is being left."""


@dataclass(frozen=True, slots=True)
class DocumentedAs:
    """Accepts any JSON value, and documents it as a model."""

    model: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self.model.__pydantic_core_schema__)


class FastRoute(StrictRoute):
    """Calls its endpoint with (request, caller, call, idempotency_key): the caller may write events, the call is any JSON.

    Here an Idempotency-Key determines message ids, so repeated events count once. No response is stored for it; the use case
    refuses a key that was used for other events.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, endpoint, **more)
        self.openapi_extra = {
            name: value for name, value in (self.openapi_extra or {}).items() if name != TAKES_IDEMPOTENCY_KEY
        }

    def get_route_handler(self) -> Handler:
        return self.serve

    async def serve(self, request: Request) -> Response:
        """Return the endpoint's response. Raises Problem, after reporting it."""
        try:
            return await self._serve(request)
        except Problem as problem:
            report_refusal(request, problem)
            raise

    async def _serve(self, request: Request) -> Response:
        try:
            caller, call = await self.read(request)
        except Problem:
            if getattr(request.state, "principal", None) is not None:
                await _charge(request, None)
            raise
        await _charge(request, call)
        if caller.session is not None:
            force_ids(call, caller.session, LISTS)
        response: Response = await self.endpoint(request, caller, call, idempotency_key(request))
        return response

    async def read(self, request: Request) -> tuple[KeyPrincipal, Any]:
        """Return the caller and the call. Raises Problem."""
        as_text = request.headers.get("content-type", "").partition(";")[0].strip().lower() == TEXT
        return await (_with_key_in_body if as_text else _with_key_in_header)(request, self.query_names)


class SecretKeyRoute(FastRoute):
    """A fast route that takes no publishable key, and so no key in the body."""

    async def read(self, request: Request) -> tuple[KeyPrincipal, Any]:
        """Return the caller and the call. Raises Problem."""
        return await _with_key_in_header(request, self.query_names, secret=True)


class FastPathDispatch:
    """Finds fast routes by their exact path. A router would try one pattern after the other."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._routes = {route.path: route for route in routes if isinstance(route, FastRoute)}

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        route = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        response = await route.serve(Request(scope, receive, send))
        await response(scope, receive, send)


async def _with_key_in_header(
    request: Request, query_names: frozenset[str], *, secret: bool = False
) -> tuple[KeyPrincipal, Any]:
    caller = _admitted(_key(await authenticated(request)), request)
    if secret:
        caller.require_secret()
    check_query(request, query_names)
    require_json(request)
    return caller, _parsed(await read_body(request, LARGE_BODY))


async def _with_key_in_body(request: Request, query_names: frozenset[str]) -> tuple[KeyPrincipal, Any]:
    """Return the caller, and the call without the credential, so that no later step can reveal it."""
    if "authorization" in request.headers:
        raise MalformedRequest(
            f"A request must have one credential: with {TEXT} the key in the body, otherwise an Authorization header and a JSON body."
        )
    check_query(request, query_names)
    call = _parsed(await read_body(request, TEXT_LIMITS))
    authorization = _authorization_in(call) if type(call) is dict else None
    if authorization is None:
        raise Unauthenticated(
            f"The body must contain a publishable key as `{KEY_FIELD}`, or a session token as `{SESSION_FIELD}`."
        )
    note_credential_in_body(request, authorization)
    authenticator: Authenticator = request.app.state.authenticator
    caller = _key(await authenticator.authenticate(authorization))
    request.state.principal = caller
    caller.require_publishable()
    return _admitted(caller, request), call


def _authorization_in(call: dict[str, Any]) -> str | None:
    """Remove the credential from the call and return it as a header would have it. Returns None without one."""
    credentials = {name: call.pop(name) for name in (KEY_FIELD, SESSION_FIELD) if call.get(name) is not None}
    if len(credentials) > 1:
        raise MalformedRequest(f"A request must have one credential: either `{KEY_FIELD}` or `{SESSION_FIELD}`.")
    for name, value in credentials.items():
        if type(value) is not str:
            fault = Fault(name, "wrong-type", "must be text")
            raise ValidationFailed(f"`{name}` must be text.", errors=[fault])
        return f"ApiKey {value}" if name == KEY_FIELD else f"Bearer {value}"
    return None


async def _charge(request: Request, call: Any) -> None:
    limits: RateLimits | None = request.app.state.rate_limits
    if limits is not None:
        await limits.admit(request, EVENTS, _cost(call))


def _cost(call: Any) -> int:
    """Return the number of events in the call."""
    if type(call) is not dict:
        return 1
    return max([1, *(len(call[name]) for name in LISTS if type(call.get(name)) is list)])


def _key(caller: Principal) -> KeyPrincipal:
    caller.require_kind(KeyPrincipal)
    assert isinstance(caller, KeyPrincipal)
    return caller


def _admitted(caller: KeyPrincipal, request: Request) -> KeyPrincipal:
    """Return the caller if it may send events from the page of this request. Raises Forbidden."""
    origin = request.headers.get("origin")
    if origin is not None:
        caller.require_page(origin)
    caller.require_scope(Scope.EVENTS_WRITE)
    caller.require_sender()
    return caller


def _parsed(body: bytes) -> Any:
    try:
        return parse(body)
    except TooDeep as error:
        raise MalformedRequest(str(error), slug="too-deep") from error
    except MalformedJson as error:
        raise MalformedRequest(str(error), slug="malformed-json") from error
