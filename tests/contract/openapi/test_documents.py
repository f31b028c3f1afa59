"""The committed OpenAPI documents are fresh and lint clean. `tests/generated` makes clients of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from keyword import iskeyword
from pathlib import Path
from typing import Any

import pytest

from scripts import openapi
from tests.node import alone, find_node

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ROOT / "tools" / "node"
NAMES = ("auth.json", "ingest.json", "segments.json", "membership.json", "segops.json")
METHODS = ("get", "put", "post", "patch", "delete")


@pytest.fixture(scope="session")
def node_tools() -> Path:
    """The folder of the Node tools, installed from the lock file when it has changed."""
    with alone():
        find_node().install(TOOLS)
    return TOOLS / "node_modules"


def node(script: Path, *arguments: str) -> str:
    """Return what a script prints; fails with all of it when the script does."""
    return find_node().run(find_node().node, str(script), *arguments, cwd=TOOLS)


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((openapi.FOLDER / name).read_text())
    return document


def operations(document: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def test_the_committed_documents_are_fresh() -> None:
    for name, text in openapi.all_documents().items():
        assert (openapi.FOLDER / name).read_text() == text, f"{name} is stale: run make openapi"


def parts(part: Any) -> Iterator[dict[str, Any]]:
    """All objects of a document, but for examples."""
    if isinstance(part, dict):
        yield part
        # A list of this name is of examples; an object may be a property.
        part = [value for key, value in part.items() if key != "examples" or not isinstance(value, list)]
    if isinstance(part, list):
        for item in part:
            yield from parts(item)


def test_a_generator_of_a_typed_language_can_read_it() -> None:
    document = openapi.merge([openapi.service_document(service) for service in openapi.SERVICES])
    for part in parts(document["paths"] | document["components"]["schemas"]):
        if part.get("type") == "integer":
            assert part["format"] == "int64"
            assert all(
                type(part.get(bound, 0)) is int and abs(part.get(bound, 0)) < 2**53 for bound in ("minimum", "maximum")
            )
        assert part.get("type") != "number" or part["format"] == "double"
        assert part.get("type") != "boolean" or "const" not in part
        assert "prefixItems" not in part or "items" in part
    for path, method, operation in operations(document):
        for medium in operation.get("requestBody", {}).get("content", {}).values():
            assert {"type": "null"} not in medium["schema"].get("anyOf", []), (method, path)
        for parameter in operation.get("parameters", []):
            assert parameter["name"] != "cursor" or "pattern" in parameter["schema"], (method, path)
            assert parameter["name"] != "run_id" or parameter["schema"]["type"] == "string", (method, path)
            assert {"type": "null"} not in parameter["schema"].get("anyOf", []), (method, path)
            # Generated clients send every default, and a list is read by one of two ways.
            by_page = any(other["name"] == "page" for other in operation["parameters"])
            assert (
                not by_page
                or parameter["name"] not in ("limit", "page", "page_size")
                or ("default" not in parameter["schema"])
            ), (method, path)
        assert re.fullmatch("[a-z]+([A-Z][a-z]*)*", operation["operationId"])
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"], (method, path, status)
            assert status not in ("429", "503") or "Retry-After" in response["headers"]
            assert status != "429" or {"RateLimit", "RateLimit-Policy"} <= response["headers"].keys()


def test_a_name_with_two_meanings_is_refused() -> None:
    one = {
        "openapi": "3.1.0",
        "info": {},
        "servers": [],
        "paths": {},
        "components": {"schemas": {"A": {"type": "string"}}},
    }
    two = one | {"components": {"schemas": {"A": {"type": "integer"}}}}
    assert openapi.merge([one, one])["components"] == one["components"]
    with pytest.raises(openapi.ConflictError):
        openapi.merge([one, two])


def test_redocly_finds_nothing(node_tools: Path) -> None:
    output = node(
        node_tools / "@redocly" / "cli" / "bin" / "cli.js",
        "lint",
        "--max-problems=50",
        f"--config={TOOLS / 'redocly.yaml'}",
        str(openapi.FOLDER / "segops.json"),
    )
    assert "warning" not in output.lower().replace("deprecation warning", ""), output


@pytest.mark.parametrize("name", NAMES)
def test_every_operation_is_named_and_has_examples(name: str) -> None:
    operation_ids: set[str] = set()
    for path, method, operation in operations(load(name)):
        where = f"{method} {path}"
        assert operation["operationId"] not in operation_ids, where
        assert not iskeyword(operation["operationId"]), f"{where}: clients are generated with functions of this name"
        operation_ids.add(operation["operationId"])
        assert operation.get("summary"), where
        body = operation.get("requestBody")
        if body:
            assert has_example(load(name), body), f"{where}: no example of the body"
        for status, response in operation["responses"].items():
            if status.startswith("2") and response.get("content"):
                assert has_example(load(name), response), f"{where}: no example of {status}"


def has_example(document: dict[str, Any], holder: dict[str, Any]) -> bool:
    """Whether each medium of a body or response carries an example, itself or in its schema or that of its items."""
    for medium in holder["content"].values():
        schema = medium.get("schema", {})
        schema = schema.get("items", schema)
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        if not ({"example", "examples"} & set(medium) or {"example", "examples"} & set(schema)):
            return False
    return True
