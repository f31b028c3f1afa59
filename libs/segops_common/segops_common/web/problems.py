"""RFC 9457 responses for every error, made in one place. They never echo arbitrary input, and no API key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from segops_common.contracts.http import PROBLEM_MEDIA_TYPE
from segops_common.core import problems as errors
from segops_common.core.problems import PROBLEM_TYPE_PREFIX, Fault, Problem, Unavailable
from segops_common.security.api_keys import without_keys
from segops_common.stores.clickhouse import ClickHouseUnavailable
from segops_common.stores.redis_breaker import RedisUnavailable
from segops_common.web.request.path_dispatch import RouteTable
from segops_common.web.request.validation import MAX_FAULTS, faults_of, invalid

MAX_TEXT = 300


class ProblemFault(BaseModel):
    """An error in one part of the request."""

    path: str = Field(description="The place in the request, such as `definition.conditions[2].value`.")
    code: str = Field(description="A stable code for programs.")
    detail: str = Field(description="The rule that the value must meet, for people.")


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(
        title="Problem",
        json_schema_extra={
            "example": {
                "type": f"{PROBLEM_TYPE_PREFIX}validation-failed",
                "title": "The request is not valid",
                "status": 422,
                "detail": "The request has 1 error: see `errors`.",
                "instance": "0192f3a0-5c1e-7000-8000-000000000000",
                "errors": [{"path": "name", "code": "missing", "detail": "must be present"}],
            }
        },
    )

    type: str = Field(description="A stable URL that identifies the kind of problem.")
    title: str = Field(description="What happened, the same for every problem of this type.")
    status: int = Field(description="The HTTP status.")
    detail: str = Field(description="What happened this time, and what to do.")
    instance: str = Field(description="The request id, as in X-Request-Id: it finds the request in the logs.")
    errors: list[ProblemFault] = Field(description="One entry for each error in the request; empty for other problems.")


_TITLES: Mapping[int, type[Problem]] = {
    400: errors.MalformedRequest,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    406: errors.NotAcceptable,
    408: errors.RequestTimeout,
    409: errors.Conflict,
    410: errors.Gone,
    412: errors.PreconditionFailed,
    413: errors.PayloadTooLarge,
    415: errors.UnsupportedMedia,
    422: errors.ValidationFailed,
    429: errors.RateLimited,
    503: errors.Unavailable,
}
_OTHERS = {405: ("method-not-allowed", "The path does not support this method")}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI `responses` of a route that may answer with these problems."""
    return {
        status: {
            "description": _TITLES[status].title if status in _TITLES else _OTHERS[status][1],
            "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in sorted(statuses)
    }


def problem_response(
    *,
    status: int,
    slug: str,
    title: str,
    detail: str,
    instance: str,
    faults: Sequence[Fault] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return the response for a problem; long texts and lists are cut to keep it small."""
    body = {
        "type": PROBLEM_TYPE_PREFIX + slug,
        "title": title,
        "status": status,
        "detail": _shown(detail),
        "instance": instance,
        "errors": [
            {"path": _shown(fault.path), "code": fault.code, "detail": _shown(fault.detail)}
            for fault in faults[:MAX_FAULTS]
        ],
    }
    more = {"WWW-Authenticate": 'Bearer realm="segops", ApiKey realm="segops"'} if status == 401 else {}
    return Response(_dumps(body), status, headers=more | dict(headers or {}), media_type=PROBLEM_MEDIA_TYPE)


def _shown(text: str) -> str:
    """Return what an answer may say: a name or an id in it can be a key that was sent by mistake."""
    return without_keys(text)[:MAX_TEXT]


def answer_for(problem: Problem, instance: str) -> Response:
    """Return the response for a Problem."""
    return problem_response(
        status=problem.status,
        slug=problem.slug,
        title=problem.title,
        detail=problem.detail,
        instance=instance,
        faults=problem.errors,
        headers=problem.headers,
    )


def request_id(request: Request) -> str:
    """Return the id that the request came with or was assigned."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def install(app: FastAPI) -> None:
    """Answer every error of the app with a problem document. A 405 lists the methods from `app.state.route_table`."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)
    for kind in (ClickHouseUnavailable, RedisUnavailable):
        app.add_exception_handler(kind, _on_unavailable)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer_for(error, request_id(request))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer_for(invalid(faults_of(error.errors())), request_id(request))


async def _on_unavailable(request: Request, _error: Exception) -> Response:
    """Answer 503 when a store is unavailable and no adapter has translated its error."""
    return answer_for(
        Unavailable("A database that this request needs does not respond. Retry after `Retry-After` seconds."),
        request_id(request),
    )


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _TITLES.get(error.status_code)
    slug, title = (
        (kind.default_slug, kind.title)
        if kind
        else _OTHERS.get(error.status_code, ("http-error", "The request was refused"))
    )
    headers, detail = error.headers, f"{title}."
    if error.status_code == 405:
        table: RouteTable = request.app.state.route_table
        allowed = ", ".join(table.allowed(request.scope["path"]))
        headers, detail = {"Allow": allowed}, f"The path supports {allowed}, not {request.method}."
    return problem_response(
        status=error.status_code,
        slug=slug,
        title=title,
        detail=detail,
        instance=request_id(request),
        headers=headers,
    )


def _dumps(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        # A path with a lone surrogate cannot be encoded.
        return orjson.dumps(body | {"errors": []})
