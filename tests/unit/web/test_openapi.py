"""The document that the factory makes names everything that can come back."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from segops_common.web.openapi.schemas import mend

Document = dict[str, Any]


@pytest.fixture
def document(app: FastAPI) -> Document:
    return app.openapi()


def test_the_frame(document: Document, app: FastAPI) -> None:
    assert document["openapi"].startswith("3.1")
    assert document["info"]["license"]["identifier"] == "Apache-2.0"
    assert document["info"]["contact"]["url"]
    assert document["servers"]
    assert app.openapi() is document


def test_operations_are_named_after_their_functions(document: Document) -> None:
    names = {operation["operationId"] for item in document["paths"].values() for operation in item.values()}
    assert {"createThing", "listThings", "getThing", "computeThing"} <= names


def test_health_and_metrics_are_not_in_it(document: Document) -> None:
    assert all(path.startswith("/api/") for path in document["paths"])


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/api/things/", "post", {201, 400, 401, 403, 408, 409, 413, 415, 422, 429, 503}),
        ("/api/things/", "get", {200, 400, 422, 503}),
        ("/api/things/{thing_id}/", "get", {200, 400, 401, 403, 404, 422, 429, 503}),
        ("/api/things/{thing_id}/compute/", "post", {202, 400, 404, 408, 409, 413, 415, 422, 503}),
    ],
)
def test_every_status_that_can_occur_is_documented(
    document: Document, path: str, method: str, statuses: set[int]
) -> None:
    responses = document["paths"][path][method]["responses"]
    assert {int(status) for status in responses} == statuses
    for status in statuses - {200, 201, 202}:
        assert responses[str(status)]["content"] == {
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
        }


def test_fastapis_own_refusals_are_gone(document: Document) -> None:
    assert {"HTTPValidationError", "ValidationError"}.isdisjoint(document["components"]["schemas"])
    assert "errors" in document["components"]["schemas"]["Problem"]["properties"]


@pytest.mark.parametrize(
    ("path", "method", "security", "scope"),
    [
        ("/api/things/", "post", [{"apiKeyAuth": []}, {"bearerAuth": []}], "segments:write"),
        ("/api/things/{thing_id}/", "get", [{"apiKeyAuth": []}], "segments:read"),
        ("/api/things/secrets/", "post", [{"bearerAuth": []}], None),
        ("/api/things/", "get", [], None),
    ],
)
def test_who_may_call_is_documented(
    document: Document, path: str, method: str, security: list[Document], scope: str | None
) -> None:
    operation = document["paths"][path][method]
    assert operation["security"] == security
    assert operation.get("x-required-scope") == scope


def test_a_parameter_is_described_once(document: Document) -> None:
    parameters = [
        parameter
        for item in document["paths"].values()
        for operation in item.values()
        for parameter in operation.get("parameters", [])
        if "$ref" not in parameter
    ]
    described = [parameter for parameter in parameters if "description" in parameter]
    assert described
    assert [parameter["name"] for parameter in described if "description" in parameter["schema"]] == []


def test_mutating_operations_take_an_idempotency_key(document: Document) -> None:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            names = [parameter["name"] for parameter in operation.get("parameters", [])]
            assert ("Idempotency-Key" in names) == (method != "get"), f"{method} {path}"
            assert "x-takes-idempotency-key" not in operation


def test_examples_stay_as_they_are() -> None:
    looks_like_a_schema = {"name": "total", "type": "number"}
    names = {"example": {"type": "number"}, "total": {"type": "number", "examples": [looks_like_a_schema]}}
    mended = mend({"properties": names, "example": looks_like_a_schema})
    assert mended["example"] == looks_like_a_schema
    assert mended["properties"]["total"]["examples"] == [looks_like_a_schema]
    assert mended["properties"]["example"]["format"] == mended["properties"]["total"]["format"] == "double"
