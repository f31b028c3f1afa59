"""Every documented operation, with a request that would succeed for the right caller."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segops_common.security.permissions import ROLE_SCOPES, Role, Scope

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi" / "segops.json"
METHODS = ("get", "put", "post", "patch", "delete")


@dataclass(frozen=True)
class Operation:
    """One operation. `schemes` are the credentials that it accepts; empty if it needs none."""

    id: str
    method: str
    path: str
    scope: Scope | None
    schemes: frozenset[str]
    body: Any
    query: frozenset[str]
    headers: frozenset[str]
    media: frozenset[str]
    """Media types of the body; empty if the operation takes none."""
    needs_body: bool

    def request(self, objects: Mapping[str, Any]) -> tuple[str, dict[str, Any], Any]:
        """Return path, query and body of a request for these objects, which are given by the names of parameters."""
        path = self.path
        for name, value in objects.items():
            path = path.replace(f"{{{name}}}", str(value))
        assert "{" not in path, f"{self.id}: no object for {path}"
        query = {name: objects[name] for name in self.query if name in objects}
        return path, query, _replaced(self.body, objects)


def _replaced(body: Any, objects: Mapping[str, Any]) -> Any:
    if not isinstance(body, dict):
        return body
    return {name: _like(value, objects[name]) if name in objects else value for name, value in body.items()}


def _like(example: Any, value: Any) -> Any:
    """Return an id in the type of the example: a user id is a number for accounts and a string for events."""
    return str(value) if isinstance(example, str) else value


def operations() -> list[Operation]:
    """Return all operations of the merged document, in its order."""
    return list(_operations(json.loads(DOCUMENT.read_text())))


def _operations(document: dict[str, Any]) -> Iterator[Operation]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method in METHODS:
                scope = operation.get("x-required-scope")
                yield Operation(
                    id=operation["operationId"],
                    method=method,
                    path=path,
                    scope=Scope(scope) if scope else None,
                    schemes=frozenset(name for need in operation["security"] for name in need),
                    body=_example(document, operation.get("requestBody")),
                    query=_parameters(operation, "query"),
                    headers=_parameters(operation, "header"),
                    media=frozenset(operation.get("requestBody", {}).get("content", ())),
                    needs_body=operation.get("requestBody", {}).get("required", False),
                )


def _parameters(operation: dict[str, Any], place: str) -> frozenset[str]:
    return frozenset(parameter["name"] for parameter in operation.get("parameters", ()) if parameter["in"] == place)


def _example(document: dict[str, Any], body: dict[str, Any] | None) -> Any:
    if body is None:
        return None
    medium = body["content"]["application/json"]
    if "example" in medium:
        return medium["example"]
    if "examples" in medium:
        return next(iter(medium["examples"].values()))["value"]
    schema = medium["schema"]
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema["example"] if "example" in schema else schema.get("examples", [None])[0]


def role_without(scope: Scope) -> Role | None:
    """Return the highest role without the scope; None if every role has it."""
    for role in (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER):
        if scope not in ROLE_SCOPES[role]:
            return role
    return None
