"""The OpenAPI 3.1 document of an app, complete enough to lint clean and to generate clients from."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from segops_common.web.problems import ProblemDocument, problems

SERVERS = [{"url": "http://127.0.0.1:8080", "description": "make run"}, {"url": "https://api.segops.ai"}]
_GENERIC_REFUSALS = (400,)
_BODY_REFUSALS = (413, 415, 422)
_AUTHENTICATED_REFUSALS = (401, 503)
_IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "Repeat a call with the same key and it is done once; the answer is kept for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    "example": "0192f3a0-5c1e-7000-8000-000000000000",
}
_METHODS = ("get", "put", "post", "patch", "delete")


def operation_id(route: APIRoute) -> str:
    """The handler's name: `create_segment` becomes `createSegment`."""
    head, *rest = route.name.split("_")
    return head + "".join(part.capitalize() for part in rest)


def document(app: FastAPI) -> dict[str, Any]:
    """The document, with what every operation has in common filled in."""
    made = get_openapi(
        title=app.title,
        version=app.version,
        openapi_version="3.1.0",
        description=app.description,
        routes=app.routes,
        tags=app.openapi_tags,
        servers=SERVERS,
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
    schemas_sorted = dict(sorted(schemas.items()))
    made["components"]["schemas"] = schemas_sorted
    for item in made.get("paths", {}).values():
        for method in _METHODS:
            if method in item:
                _complete(method, item[method])
    return made


def _complete(method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    statuses = set(_GENERIC_REFUSALS)
    if "requestBody" in operation:
        statuses |= set(_BODY_REFUSALS)
    if method != "get" and operation.get("security"):
        operation.setdefault("parameters", []).append(_IDEMPOTENCY_KEY)
        statuses.add(409)
    if operation.get("parameters"):
        statuses.add(422)
    if operation.get("security"):
        operation["security"] = _alternatives(operation["security"])
        statuses |= set(_AUTHENTICATED_REFUSALS)
    else:
        operation["security"] = []
    for status, response in problems(*sorted(statuses)).items():
        # FastAPI's own 422 names a schema that is never sent.
        if str(status) not in responses or str(status) == "422":
            responses[str(status)] = response
    operation["responses"] = dict(sorted(responses.items()))
    operation["description"] = re.sub(r"\n(?!\n)", " ", operation["description"]) if "description" in operation else ""
    if not operation["description"]:
        del operation["description"]


def _alternatives(schemes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Either scheme suffices: FastAPI may write several as one requirement."""
    names = sorted({name for scheme in schemes for name in scheme})
    return [{name: []} for name in names]
