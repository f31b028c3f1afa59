"""The route class of the hot paths: FastAPI documents them and stays out of their way.

A page that is being left cannot wait for a preflight: its JSON comes as text/plain, which browsers send without asking, with
the key in the body instead of a header.

Solving dependencies and validating a model per event would cost several times the rest of a request.
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

from segops_common.core.problems import Fault, MalformedRequest, Unauthenticated, ValidationFailed
from segops_common.security.introspect import Authenticator
from segops_common.security.permissions import Scope
from segops_common.security.principal import KeyPrincipal, Principal
from segops_common.web.dependencies import authenticated
from segops_common.web.idempotency import idempotency_key
from segops_common.web.request.body import read_body, require_json
from segops_common.web.request.route import TAKES_IDEMPOTENCY_KEY, Handler, StrictRoute, check_query
from segops_ingest.domain.json_text import MalformedJson, TooDeep, parse

TEXT: Final = "text/plain"
KEY_FIELD: Final = "api_key"


@dataclass(frozen=True, slots=True)
class DocumentedAs:
    """Any JSON value for the code, a named model for the documentation."""

    model: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self.model.__pydantic_core_schema__)


class FastRoute(StrictRoute):
    """Hands its endpoint (request, caller, call, idempotency_key): an API key that may write events, and any JSON value.

    An Idempotency-Key names messages here, it keeps no answers: sending the same events again is harmless.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, endpoint, **more)
        self.openapi_extra = {
            name: value for name, value in (self.openapi_extra or {}).items() if name != TAKES_IDEMPOTENCY_KEY
        }

    def get_route_handler(self) -> Handler:
        return self.serve

    async def serve(self, request: Request) -> Response:
        """The endpoint's answer; raises Problem."""
        as_text = request.headers.get("content-type", "").partition(";")[0].strip().lower() == TEXT
        caller, call = await (_with_key_in_body(request) if as_text else _with_key_in_header(request))
        answer: Response = await self.endpoint(request, caller, call, idempotency_key(request))
        return answer


class FastPathDispatch:
    """Serves hot routes from a look-up of the path, where a router tries one pattern after the other."""

    def __init__(self, app: ASGIApp, routes: Iterable[BaseRoute]) -> None:
        self._app = app
        self._routes = {route.path: route for route in routes if isinstance(route, FastRoute)}

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        route = self._routes.get(scope["path"]) if scope["type"] == "http" else None
        if route is None or scope["method"] != "POST":
            await self._app(scope, receive, send)
            return
        scope["route"] = route
        answer = await route.serve(Request(scope, receive, send))
        await answer(scope, receive, send)


async def _with_key_in_header(request: Request) -> tuple[KeyPrincipal, Any]:
    caller = _admitted(_key(await authenticated(request)), request)
    check_query(request)
    require_json(request)
    return caller, _parsed(await read_body(request))


async def _with_key_in_body(request: Request) -> tuple[KeyPrincipal, Any]:
    """The caller, and the call without the key, so that nothing further on can show it."""
    if "authorization" in request.headers:
        raise MalformedRequest(
            f"Send one credential: with {TEXT} the key is in the body, with an Authorization header the body is JSON."
        )
    check_query(request)
    call = _parsed(await read_body(request))
    key = call.pop(KEY_FIELD, None) if type(call) is dict else None
    if key is None:
        raise Unauthenticated(f"Send a publishable key as {KEY_FIELD} in the body.")
    if type(key) is not str:
        fault = Fault(KEY_FIELD, "wrong-type", "must be text")
        raise ValidationFailed("The key is not valid.", errors=[fault])
    authenticator: Authenticator = request.app.state.authenticator
    caller = _key(await authenticator.authenticate(f"ApiKey {key}"))
    caller.require_publishable()
    return _admitted(caller, request), call


def _key(caller: Principal) -> KeyPrincipal:
    caller.require_kind(KeyPrincipal)
    assert isinstance(caller, KeyPrincipal)
    return caller


def _admitted(caller: KeyPrincipal, request: Request) -> KeyPrincipal:
    """The caller, when it may send events from where the request comes from; raises Forbidden."""
    origin = request.headers.get("origin")
    if origin is not None:
        caller.require_page(origin)
    caller.require_scope(Scope.EVENTS_WRITE)
    return caller


def _parsed(body: bytes) -> Any:
    try:
        return parse(body)
    except TooDeep as error:
        raise MalformedRequest(str(error), slug="too-deep") from error
    except MalformedJson as error:
        raise MalformedRequest(str(error), slug="malformed-json") from error
