"""The OpenAPI 3.1 document of an app, which linters accept and from which clients are generated."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from segops_common.contracts.http import IDEMPOTENCY_KEY_HEADER
from segops_common.web.idempotency import MAX_KEY_CHARS
from segops_common.web.openapi.schemas import mend
from segops_common.web.problems import ProblemDocument, problems
from segops_common.web.request.route import TAKES_IDEMPOTENCY_KEY

SERVERS = [{"url": "http://127.0.0.1:8080", "description": "make run"}, {"url": "https://api.segops.ai"}]
_METHODS = ("get", "put", "post", "patch", "delete")
_IDEMPOTENCY_KEY = {
    "name": IDEMPOTENCY_KEY_HEADER,
    "in": "header",
    "required": False,
    "description": "Makes the request safe to repeat: for 24 hours, the same key returns the same response.",
    "schema": {"type": "string", "minLength": 1, "maxLength": MAX_KEY_CHARS, "pattern": "^[ -~]+$"},
}

_HEADERS = {
    "X-Request-Id": {
        "description": "The id of the request, as in the logs: the one that was sent, or a new one.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds to wait before the request is sent again.",
        "schema": {"type": "integer", "format": "int64", "minimum": 0},
    },
    "RateLimit": {
        "description": "Requests left now, and seconds until the limit is whole again.",
        "schema": {"type": "string"},
    },
    "RateLimit-Policy": {"description": "The limit and its window in seconds.", "schema": {"type": "string"}},
}
_HEADERS_OF = {"429": ("Retry-After", "RateLimit", "RateLimit-Policy"), "503": ("Retry-After",)}


def operation_id(route: APIRoute) -> str:
    """Return the handler's name in camel case: `create_segment` becomes `createSegment`."""
    head, *rest = route.name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def document(app: FastAPI) -> dict[str, Any]:
    """Return the document, with the parts that all operations share filled in."""
    made = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        servers=SERVERS,
        separate_input_output_schemas=False,
    )
    made["info"] |= {
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        "contact": {"name": "SegOps", "url": "https://segops.dev"},
    }
    schemas = made.setdefault("components", {}).setdefault("schemas", {})
    schemas.pop("HTTPValidationError", None)
    schemas.pop("ValidationError", None)
    problem = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs")
    schemas["Problem"] = problem
    made["components"]["schemas"] = dict(sorted(schemas.items()))
    made = mend(_without_aliases(made))
    made["components"]["headers"] = dict(sorted(_HEADERS.items()))
    for path, item in made.get("paths", {}).items():
        for method in _METHODS:
            if method in item:
                _complete(path, item[method])
    return made


def _without_aliases(made: dict[str, Any]) -> dict[str, Any]:
    """Replace every schema that is only an alias by its target: generators would make two types of it."""
    schemas: dict[str, Any] = made["components"]["schemas"]
    named = {f"#/components/schemas/{name}": schema["$ref"] for name, schema in schemas.items() if "$ref" in schema}

    def resolve(part: Any) -> Any:
        if isinstance(part, list):
            return [resolve(item) for item in part]
        if not isinstance(part, dict):
            return part
        while isinstance(part.get("$ref"), str) and part["$ref"] in named:
            part = part | {"$ref": named[part["$ref"]]}
        return {name: resolve(item) for name, item in part.items()}

    for reference in named:
        del schemas[reference.rsplit("/", 1)[-1]]
    resolved: dict[str, Any] = resolve(made)
    return resolved


def _complete(path: str, operation: dict[str, Any]) -> None:
    if operation.pop(TAKES_IDEMPOTENCY_KEY, False):
        operation["parameters"] = [*operation.get("parameters", []), _IDEMPOTENCY_KEY]
    responses = operation["responses"]
    for status, response in problems(*_refusals(path, operation)).items():
        # FastAPI's own 422 refers to a schema that is never sent.
        if str(status) not in responses or str(status) == "422":
            responses[str(status)] = response
    operation["responses"] = {status: _with_headers(status, responses[status]) for status in sorted(responses)}
    operation["security"] = _alternatives(operation.get("security", []))
    if description := operation.pop("description", ""):
        operation["description"] = re.sub(r"\n(?!\n)", " ", description)


def _with_headers(status: str, response: dict[str, Any]) -> dict[str, Any]:
    """Return the response with the headers that every one of its status has, and its own."""
    names = ["X-Request-Id", *_HEADERS_OF.get(status, ())]
    shared = {name: {"$ref": f"#/components/headers/{name}"} for name in names}
    return response | {"headers": shared | response.get("headers", {})}


def _refusals(path: str, operation: dict[str, Any]) -> set[int]:
    """Return the statuses that the layers around the handler may answer with."""
    statuses = {400, 422, 503}
    if "{" in path:
        statuses.add(404)
    if "requestBody" in operation:
        statuses |= {408, 413, 415}
    if operation.get("security"):
        statuses |= {401, 429}
    if "x-required-scope" in operation:
        statuses.add(403)
    if _IDEMPOTENCY_KEY in operation.get("parameters", []):
        statuses.add(409)
    return statuses


def _alternatives(schemes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """List each scheme on its own, since any of them suffices: FastAPI may require them together."""
    names = sorted({name for scheme in schemes for name in scheme})
    return [{name: []} for name in names]
