"""RFC 9457 answers for every refusal, made in one place; they never repeat what was sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import orjson
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response

from segops_common.contracts.http import PROBLEM_MEDIA_TYPE
from segops_common.kit import errors
from segops_common.kit.errors import PROBLEM_TYPE_PREFIX, Fault, Problem

MAX_FAULTS = 50
MAX_TEXT = 300


class ProblemFault(BaseModel):
    """What is wrong with one part of the request."""

    path: str = Field(description="Where, as in `definition.conditions[2].value`.")
    code: str = Field(description="What, in a word that stays the same.")
    detail: str


class ProblemDocument(BaseModel):
    """RFC 9457 problem details."""

    model_config = ConfigDict(
        title="Problem",
        json_schema_extra={
            "example": {
                "type": f"{PROBLEM_TYPE_PREFIX}validation-failed",
                "title": "The request is not valid",
                "status": 422,
                "detail": "1 fault was found.",
                "instance": "0192f3a0-5c1e-7000-8000-000000000000",
                "errors": [{"path": "name", "code": "missing", "detail": "Field required"}],
            }
        },
    )

    type: str = Field(description="Stable address of the kind of problem.")
    title: str
    status: int
    detail: str
    instance: str = Field(description="The request's id, as in X-Request-Id.")
    errors: list[ProblemFault]


_TITLES: Mapping[int, type[Problem]] = {
    400: errors.MalformedRequest,
    401: errors.Unauthenticated,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    410: errors.Gone,
    412: errors.PreconditionFailed,
    413: errors.PayloadTooLarge,
    415: errors.UnsupportedMedia,
    422: errors.ValidationFailed,
    429: errors.RateLimited,
    503: errors.Unavailable,
}
_OTHERS = {405: ("method-not-allowed", "The method is not allowed here")}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may answer with these problems."""
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
    """The answer for a refusal; long texts and lists are cut so that it stays small."""
    body = {
        "type": PROBLEM_TYPE_PREFIX + slug,
        "title": title,
        "status": status,
        "detail": detail[:MAX_TEXT],
        "instance": instance,
        "errors": [
            {"path": fault.path[:MAX_TEXT], "code": fault.code, "detail": fault.detail[:MAX_TEXT]}
            for fault in faults[:MAX_FAULTS]
        ],
    }
    more = {"WWW-Authenticate": 'Bearer realm="segops", ApiKey realm="segops"'} if status == 401 else {}
    return Response(_dumps(body), status, headers=more | dict(headers or {}), media_type=PROBLEM_MEDIA_TYPE)


def answer_for(problem: Problem, instance: str) -> Response:
    """The answer for a Problem."""
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
    """The id that the request came with or was given."""
    return str(request.scope.get("state", {}).get("request_id", ""))


def install(app: FastAPI) -> None:
    """Answer every refusal of the app with a problem document."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return answer_for(error, request_id(request))


async def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return answer_for(invalid(faults_of(error.errors())), request_id(request))


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _TITLES.get(error.status_code)
    slug, title = (kind.default_slug, kind.title) if kind else _OTHERS.get(error.status_code, ("http-error", "Refused"))
    return problem_response(
        status=error.status_code,
        slug=slug,
        title=title,
        detail=f"{title}.",
        instance=request_id(request),
        headers=error.headers,
    )


def internal_error(instance: str) -> Response:
    """The answer for a failure of ours: it says nothing but where to look."""
    return problem_response(
        status=500,
        slug="internal-error",
        title="Internal error",
        detail="Something failed here; the request's id finds it in the logs.",
        instance=instance,
    )


def not_found(instance: str) -> Response:
    """The answer for an address that nothing is served at."""
    return answer_for(errors.NotFound("Not found."), instance)


def invalid(faults: Sequence[Fault]) -> errors.ValidationFailed:
    """The problem for these faults."""
    number = len(faults)
    return errors.ValidationFailed(f"{number} fault{' was' if number == 1 else 's were'} found.", errors=faults)


def faults_of(found: Iterable[Mapping[str, Any]]) -> list[Fault]:
    """Faults from pydantic's errors, without the input they quote."""
    return [Fault(_path(error["loc"]), str(error["type"]).replace("_", "-"), _detail(error)) for error in found]


def _detail(error: Mapping[str, Any]) -> str:
    # These messages quote the input; the others name only the rule.
    if error["type"] in ("json_invalid", "value_error", "assertion_error"):
        context = error.get("ctx", {}).get("error")
        return str(context) if context is not None else "not valid"
    return str(error["msg"])


def _path(location: Sequence[int | str]) -> str:
    parts = list(location)
    if parts and parts[0] == "body":
        parts = parts[1:]
    path = ""
    for part in parts:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else str(part)
    return path


def _dumps(body: dict[str, Any]) -> bytes:
    try:
        return orjson.dumps(body)
    except orjson.JSONEncodeError:
        # A lone surrogate in a path that somebody made up.
        return orjson.dumps(body | {"errors": []})
