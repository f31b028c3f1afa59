"""A body is counted before anything validates it. What is counted here are steps, never seconds."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from pydantic import TypeAdapter, ValidationError

from segops_common.web.request.body import ANONYMOUS_BODY, LARGE_BODY, SMALL_BODY, BodyLimits, parse_json
from segops_common.web.request.route import StrictRoute
from segops_testkit.http import in_process
from tests.unit.web.conftest import WRITER
from tests.unit.web.test_parameters import SERVICES, app_of

MAX_STEPS = 200
"""Errors that validation may collect for a body that nobody signed."""


def routes_with_body(app: FastAPI) -> Iterator[StrictRoute]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            assert isinstance(route, StrictRoute), route.path
            if route.body_field is not None:
                yield route


def adapter(route: StrictRoute) -> TypeAdapter[Any]:
    assert route.body_field is not None
    model: Any = route.body_field.field_info.annotation
    return TypeAdapter(model)


def bodies(names: list[str], limits: BodyLimits) -> dict[str, Any]:
    """The worst bodies within and beyond the limits, by what is wrong with them."""
    first = names[0]
    return {
        "99,000 unknown keys": {f"k{number}": 1 for number in range(99_000)},
        "unknown keys": {f"k{number}": 1 for number in range(limits.keys)},
        "nested unknown keys": {first: {f"k{number}": 1 for number in range(limits.keys)}},
        "list": {first: [1] * (limits.members - 1)},
        "list of objects": {first: [{"a": 1}] * (limits.members // 2 - 1)},
        "deep": {first: [[[[[[1]]]]]]},
        "every field wrong": {name: [{}] for name in names},
    }


def problem(answer: httpx.Response) -> str:
    assert answer.status_code in (400, 413, 422), answer.text
    assert len(answer.content) < 16 * 1024
    assert len(answer.json()["errors"]) <= 20
    kind: str = answer.json()["type"].rsplit("/", 1)[1]
    return kind


def steps(route: StrictRoute, value: Any) -> int:
    """The number of errors that validation of the value collects."""
    try:
        adapter(route).validate_python(value)
    except ValidationError as error:
        return error.error_count()
    return 0


@pytest.mark.parametrize("service", SERVICES)
async def test_nobody_makes_an_anonymous_route_validate_more_than_a_few_values(service: str) -> None:
    app = app_of(service)
    async with in_process(app) as client:
        for route in routes_with_body(app):
            if not route.is_anonymous:
                continue
            assert route.body_limits == ANONYMOUS_BODY
            names = list(route.body_field.field_info.annotation.model_fields)  # type: ignore[union-attr]
            for what, value in bodies(names, ANONYMOUS_BODY).items():
                body = json.dumps(value).encode()
                headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
                kind = problem(await client.post(route.path, headers=headers, content=gzip.compress(body)))
                if kind == "validation-failed":
                    assert steps(route, value) <= MAX_STEPS, f"{route.path}: {what}"
                else:
                    assert kind in ("payload-too-large", "too-complex", "too-deep"), f"{route.path}: {what}"


async def test_auth_has_the_anonymous_routes_that_this_is_about() -> None:
    anonymous = {route.path for route in routes_with_body(app_of("auth")) if route.is_anonymous}
    assert {"/api/auth/signup/", "/api/auth/token/", "/api/auth/token/refresh/"} <= anonymous


@pytest.mark.parametrize("service", SERVICES)
def test_only_routes_of_definitions_and_lists_take_a_large_body(service: str) -> None:
    for route in routes_with_body(app_of(service)):
        if route.is_anonymous or service == "ingest":
            continue
        schema = json.dumps(adapter(route).json_schema())
        is_large = '"conditions"' in schema or route.path.endswith(
            ("/members/", "/membership/batch/", "/infer/", "/schemas/validate/")
        )
        assert route.body_limits == (LARGE_BODY if is_large else SMALL_BODY), route.path


async def test_keys_of_one_object_are_counted_before_validation(client: httpx.AsyncClient) -> None:
    body = json.dumps({"name": "a", "parts": [{f"k{number}": 1 for number in range(101)}]})
    answer = await client.post("/api/things/", headers=WRITER | {"Content-Type": "application/json"}, content=body)
    assert problem(answer) == "too-complex"


@pytest.mark.parametrize(
    ("limits", "members"), [(ANONYMOUS_BODY, 100), (SMALL_BODY, 2_000), (LARGE_BODY, 100_000)], ids=str
)
def test_the_largest_number_of_members_passes(limits: BodyLimits, members: int) -> None:
    assert len(parse_json(b"[" + b",".join([b"1"] * members) + b"]", limits)) == members
