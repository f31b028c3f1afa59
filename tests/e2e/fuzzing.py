"""Generated requests through the gateway.

The grammar of a definition has more than 3,000 variants, and seven routes take one. In `make test-long` one route of
segments and one of membership get all of them. Otherwise routes take definitions from a pool; the rest of their bodies
is generated.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from copy import deepcopy
from pathlib import Path
from typing import Any, Final, Literal

import httpx

from tests.e2e.definitions import pool
from tests.e2e.people import sign_up
from tests.e2e.routes import METHODS
from tests.shared.client import RunningStack

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# These operations would revoke the tokens that the test uses.
EXCLUDED_PATHS = r"/api/auth/(token/revoke|token/revoke-all|password/change|sessions/[^/]+)/"
Service = Literal["auth", "ingest", "segments", "membership"]
WHOLE_GRAMMAR: Final = frozenset({"describeDefinition", "showSql"})
"""Operations that get every variant of a definition."""
_GROUP: Final = "#/components/schemas/Group"


def load(service: Service) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "docs" / "openapi" / f"{service}.json").read_text())
    return document


def for_fuzzing(document: dict[str, Any], whole_grammar: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Return a copy in which operations take a definition from the pool, and streams end after a second.

    Those in `whole_grammar` take every variant of a definition.
    """
    document = deepcopy(document)
    schemas = document["components"]["schemas"]
    schemas["PooledDefinition"] = {"enum": pool()}
    for item in document["paths"].values():
        for method, operation in item.items():
            if method not in METHODS:
                continue
            _end_streams(operation)
            if operation["operationId"] not in whole_grammar:
                _draw_from_pool(operation.get("requestBody", {}).get("content", {}), schemas)
    return document


def _end_streams(operation: dict[str, Any]) -> None:
    for parameter in operation.get("parameters", ()):
        if parameter["name"] == "timeout":
            parameter["required"] = True
            parameter["schema"]["maximum"] = 1


def _draw_from_pool(content: dict[str, Any], schemas: dict[str, Any]) -> None:
    for medium in content.values():
        name = medium["schema"].get("$ref", "").rpartition("/")[2]
        properties = schemas.get(name, {}).get("properties", {})
        pooled = {key: value for key, value in properties.items() if value.get("$ref") == _GROUP}
        if pooled:
            schema = deepcopy(schemas[name])
            schema["properties"] |= {key: {"$ref": "#/components/schemas/PooledDefinition"} for key in pooled}
            medium["schema"] = schema


async def fuzz(
    stack: RunningStack, service: Service, folder: Path, *, examples: int = 2, whole_grammar: bool = False
) -> None:
    """Send a service valid and invalid requests. Fails for a 5xx or an undocumented response."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as client:
        person = await sign_up(client, "fuzz")
        key = (await person.new_key())["key"]
        await person.new_segment("fuzzed")
    credential = f"Bearer {person.token}" if service in ("auth", "segments") else f"ApiKey {key}"
    status, output = await schemathesis(
        for_fuzzing(load(service), WHOLE_GRAMMAR if whole_grammar else frozenset()),
        stack.url,
        folder,
        credential,
        "--continue-on-failure",
        f"--max-examples={examples}",
    )
    assert status == 0, output


async def schemathesis(
    document: dict[str, Any], url: str, folder: Path, credential: str, *options: str
) -> tuple[int | None, str]:
    """Run schemathesis on a document. Return its output and its exit status, which is not 0 after a failed check."""
    file = folder / "openapi.json"
    file.write_text(json.dumps(document))
    process = await asyncio.create_subprocess_exec(
        str(BIN / "schemathesis"),
        "run",
        str(file),
        f"--url={url}",
        f"--header=Authorization:{credential}",
        f"--checks={CHECKS}",
        "--phases=examples,coverage,fuzzing",
        "--seed=1",
        "--no-color",
        "--warnings=off",
        f"--exclude-path-regex={EXCLUDED_PATHS}",
        *options,
        cwd=folder,
        env=dict(os.environ) | {"SCHEMATHESIS_HOOKS": str(Path(__file__).parent / "schemathesis_hooks.py")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()
