"""Generated requests through the gateway.

The grammar of a definition has more than 3,000 variants, and seven routes take one. One route of each service gets all
of them; the others draw definitions from a pool, beside everything else in their bodies.
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
# Revoking the very tokens the run signs in with, or leaving the tenant, would end it.
KEEPS_THE_CALLER = "/api/auth/(token/revoke|password/change)/"
Service = Literal["auth", "ingest", "segments", "membership"]
WHOLE_GRAMMAR: Final = frozenset({"describeDefinition", "showSql"})
"""Operations that get every variant of a definition."""
_GROUP: Final = "#/components/schemas/Group"


def load(service: Service) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((ROOT / "docs" / "openapi" / f"{service}.json").read_text())
    return document


def for_fuzzing(document: dict[str, Any]) -> dict[str, Any]:
    """Return a copy in which all but a few operations take a definition from the pool."""
    document = deepcopy(document)
    schemas = document["components"]["schemas"]
    schemas["PooledDefinition"] = {"enum": pool()}
    for item in document["paths"].values():
        for method, operation in item.items():
            if method in METHODS and operation["operationId"] not in WHOLE_GRAMMAR:
                _draw_from_pool(operation.get("requestBody", {}).get("content", {}), schemas)
    return document


def _draw_from_pool(content: dict[str, Any], schemas: dict[str, Any]) -> None:
    for medium in content.values():
        name = medium["schema"].get("$ref", "").rpartition("/")[2]
        properties = schemas.get(name, {}).get("properties", {})
        pooled = {key: value for key, value in properties.items() if value.get("$ref") == _GROUP}
        if pooled:
            schema = deepcopy(schemas[name])
            schema["properties"] |= {key: {"$ref": "#/components/schemas/PooledDefinition"} for key in pooled}
            medium["schema"] = schema


async def fuzz(stack: RunningStack, service: Service, folder: Path) -> None:
    """Send a service what its document allows and what it does not; fails for a 5xx or an answer without a name."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as client:
        person = await sign_up(client, "fuzz")
        key = (await person.new_key())["key"]
        await person.new_segment("fuzzed")
    credential = f"Bearer {person.token}" if service in ("auth", "segments") else f"ApiKey {key}"
    status, output = await schemathesis(
        for_fuzzing(load(service)), stack.url, folder, credential, "--continue-on-failure"
    )
    assert status == 0, output


async def schemathesis(
    document: dict[str, Any], url: str, folder: Path, credential: str, *options: str
) -> tuple[int | None, str]:
    """Run it on a document; its exit status, not 0 for a failed check, and what it printed."""
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
        "--max-examples=20",
        "--seed=1",
        "--no-color",
        "--warnings=off",
        f"--exclude-path-regex={KEEPS_THE_CALLER}",
        *options,
        cwd=folder,
        env=dict(os.environ) | {"SCHEMATHESIS_HOOKS": str(Path(__file__).parent / "schemathesis_hooks.py")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode, output.decode()
