"""Generated requests get no 5xx and only documented responses. Planted faults are found."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.definitions import CONDITIONS
from tests.e2e.fuzzing import WHOLE_GRAMMAR, Service, for_fuzzing, fuzz, load, schemathesis
from tests.shared.client import RunningStack

PROBLEM = json.dumps(
    {
        "type": "https://segops.dev/problems/validation-failed",
        "title": "Refused",
        "status": 422,
        "detail": "x",
        "instance": "/",
        "errors": [],
    }
)


@pytest.mark.parametrize("service", ["segments", "membership", "auth", "ingest"])
async def test_no_5xx_and_nothing_undocumented(valkey_stack: RunningStack, tmp_path: Path, service: Service) -> None:
    await fuzz(valkey_stack, service, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("service", ["segments", "membership", "auth", "ingest"])
async def test_many_requests_with_every_variant_of_a_definition(
    valkey_stack: RunningStack, tmp_path: Path, service: Service
) -> None:
    await fuzz(valkey_stack, service, tmp_path, examples=20, whole_grammar=True)


@pytest.mark.parametrize("service", ["segments", "membership"])
def test_the_pool_has_every_condition_type(service: Service) -> None:
    schemas = load(service)["components"]["schemas"]
    assert set(CONDITIONS) == set(schemas["Condition"]["discriminator"]["mapping"])


def step_with_filter(body: Any) -> bool:
    """Return whether a sequence has a step with a filter, a field three levels deep in the grammar."""
    return any(
        isinstance(step, dict) and isinstance(step.get("where"), list) and step["where"]
        for condition in body.get("definition", {}).get("conditions", [])
        if isinstance(condition, dict) and isinstance(condition.get("steps"), list)
        for step in condition["steps"]
    )


def big_sample(body: Any) -> bool:
    """Return whether the body has a definition of the pool that must be refused."""
    return '"percent": 101' in json.dumps(body)


def long_id(body: Any) -> bool:
    """Return whether a user id reaches its maximum length, a limit outside of definitions."""
    return any(isinstance(user, str) and len(user) >= 256 for user in body.get("add", []))


SERVER_ERROR = ("500 Internal Server Error", "Server error: 1")
FAULTS = [
    ("segments", "createSegment", big_sample, *SERVER_ERROR),
    ("segments", "changeMembers", long_id, "418 I'm a teapot", "Undocumented status code: 1"),
]
FAULTS_OF_LONG_RUNS = [
    ("segments", "describeDefinition", step_with_filter, *SERVER_ERROR),
    ("membership", "planDefinition", big_sample, *SERVER_ERROR),
    ("membership", "showSql", step_with_filter, *SERVER_ERROR),
]


@pytest.mark.parametrize(
    ("service", "operation", "is_hit", "answer", "finding"),
    [
        *(pytest.param(*fault, id=fault[1]) for fault in FAULTS),
        *(pytest.param(*fault, id=fault[1], marks=pytest.mark.long) for fault in FAULTS_OF_LONG_RUNS),
    ],
)
async def test_a_planted_fault_is_found(
    tmp_path: Path, service: Service, operation: str, is_hit: Callable[[Any], bool], answer: str, finding: str
) -> None:
    async with refusing(is_hit, answer) as url:
        status, output = await schemathesis(
            for_fuzzing(load(service), WHOLE_GRAMMAR),
            url,
            tmp_path,
            "Bearer x",
            f"--include-operation-id={operation}",
            "--max-examples=20",
            "--max-failures=1",
        )
    assert status == 1, output
    assert finding in output


async def test_without_a_fault_nothing_is_found(tmp_path: Path) -> None:
    async with refusing(lambda _: False, "") as url:
        status, output = await schemathesis(
            for_fuzzing(load("segments")),
            url,
            tmp_path,
            "Bearer x",
            "--include-operation-id=changeMembers",
            "--max-examples=20",
        )
    assert status == 0, output


@asynccontextmanager
async def refusing(is_hit: Callable[[Any], bool], answer: str) -> AsyncIterator[str]:
    """Run a server that refuses everything with 422, as documented, but answers some bodies with a planted status."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                status = answer if is_planted(await _body(reader), is_hit) else "422 Unprocessable Entity"
                head = f"HTTP/1.1 {status}\r\nContent-Type: application/problem+json\r\nContent-Length: {len(PROBLEM)}"
                writer.write(f"{head}\r\n\r\n{PROBLEM}".encode())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, limit=2**20) as server:
        port = server.sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"


def is_planted(body: bytes, is_hit: Callable[[Any], bool]) -> bool:
    with suppress(ValueError):
        parsed = json.loads(body)
        return isinstance(parsed, dict) and is_readable(parsed) and is_hit(parsed)
    return False


def is_readable(body: dict[str, Any]) -> bool:
    """Return whether the fields that the faults inspect have their documented types."""
    definition = body.get("definition", {})
    conditions = definition.get("conditions", []) if isinstance(definition, dict) else None
    return isinstance(conditions, list) and isinstance(body.get("add", []), list)


async def _body(reader: asyncio.StreamReader) -> bytes:
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    _, header, rest = head.partition(b"content-length:")
    return await reader.readexactly(int(rest.split(b"\r\n")[0])) if header else b""
