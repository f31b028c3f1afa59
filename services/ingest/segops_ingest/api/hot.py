"""The route class of the hot paths: FastAPI documents them and stays out of their way.

Solving dependencies and validating a model per event would cost several times the rest of a request.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.routing import APIRoute
from pydantic import BaseModel, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema
from starlette.responses import Response

from segops_common.contracts.http import IDEMPOTENCY_KEY_HEADER
from segops_common.kit.errors import Fault, MalformedRequest, ValidationFailed
from segops_common.security.principal import KeyPrincipal
from segops_common.security.scopes import Scope
from segops_common.web.body import read_body, require_json
from segops_common.web.deps import authenticated
from segops_common.web.route import check_query
from segops_ingest.domain.json_text import MalformedJson, TooDeep, parse

MAX_IDEMPOTENCY_KEY_CHARS = 255
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True)
class DocumentedAs:
    """Any JSON value for the code, a named model for the documentation."""

    model: type[BaseModel]

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return handler(self.model.__pydantic_core_schema__)


class HotRoute(APIRoute):
    """Hands its endpoint (request, caller, call, idempotency_key): an API key that may write events, and any JSON value."""

    def get_route_handler(self) -> Handler:
        endpoint = self.endpoint

        async def serve(request: Request) -> Response:
            caller = await authenticated(request)
            caller.require_scope(Scope.EVENTS_WRITE)
            caller.require_kind(KeyPrincipal)
            check_query(request)
            require_json(request)
            call = _parsed(await read_body(request))
            answer: Response = await endpoint(request, caller, call, _idempotency_key(request))
            return answer

        return serve


def _parsed(body: bytes) -> Any:
    try:
        return parse(body)
    except TooDeep as error:
        raise MalformedRequest(str(error), slug="too-deep") from error
    except MalformedJson as error:
        raise MalformedRequest(str(error), slug="malformed-json") from error


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get(IDEMPOTENCY_KEY_HEADER)
    if key is None or 0 < len(key) <= MAX_IDEMPOTENCY_KEY_CHARS:
        return key
    fault = Fault(IDEMPOTENCY_KEY_HEADER, "wrong-length", f"must have 1 to {MAX_IDEMPOTENCY_KEY_CHARS} characters")
    raise ValidationFailed("The Idempotency-Key is not valid.", errors=[fault])
