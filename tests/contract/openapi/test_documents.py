"""The committed OpenAPI documents are fresh, lint clean, and generate clients that compile."""

from __future__ import annotations

import json
import subprocess
import sys
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


@pytest.mark.parametrize("name", NAMES)
def test_redocly_finds_nothing(node_tools: Path, name: str) -> None:
    output = node(
        node_tools / "@redocly" / "cli" / "bin" / "cli.js",
        "lint",
        "--max-problems=50",
        f"--config={TOOLS / 'redocly.yaml'}",
        str(openapi.FOLDER / name),
    )
    assert "warning" not in output.lower().replace("deprecation warning", ""), output


def test_typescript_types_compile(node_tools: Path, tmp_path: Path) -> None:
    made = tmp_path / "segops.d.ts"
    node(node_tools / "openapi-typescript" / "bin" / "cli.js", str(openapi.FOLDER / "segops.json"), "-o", str(made))
    use = tmp_path / "use.ts"
    use.write_text(
        'import type { paths } from "./segops";\n'
        'type Lookup = paths["/api/segments/membership/"]["get"]["responses"]["200"]["content"]["application/json"];\n'
        'export const lookup: Lookup = { user_id: "user-123", segment_ids: [42], cached: false };\n'
    )
    node(node_tools / "typescript" / "bin" / "tsc", "--noEmit", "--strict", "--target", "es2022", str(use), str(made))


def test_python_client_compiles(tmp_path: Path) -> None:
    binaries = Path(sys.executable).parent
    client = tmp_path / "client"
    result = subprocess.run(
        [
            str(binaries / "openapi-python-client"),
            "generate",
            "--path",
            str(openapi.FOLDER / "segops.json"),
            "--output-path",
            str(client),
            "--meta",
            "none",
            "--config",
            str(openapi.FOLDER / "python-client.yml"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={"PATH": f"{binaries}:/usr/bin:/bin", "HOME": str(tmp_path)},
    )
    output = result.stdout + result.stderr
    assert result.returncode == 0, output
    assert "warning" not in output.lower(), output
    made = {path.stem for path in client.glob("api/*/*.py")}
    assert {"create_segment", "track"} <= made
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "compileall", "-q", str(client)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


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
    """Whether each medium of a body or response carries an example, itself or in its schema."""
    for medium in holder["content"].values():
        schema = medium.get("schema", {})
        # An optional body is a union with null.
        schema = next((option for option in schema.get("anyOf", []) if "$ref" in option), schema)
        if "$ref" in schema:
            schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
        if not ({"example", "examples"} & set(medium) or {"example", "examples"} & set(schema)):
            return False
    return True
