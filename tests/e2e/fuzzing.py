"""Generated requests through the gateway."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import httpx

from segops_local.stack import Stack
from tests.e2e.people import sign_up

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
# Revoking the very tokens the run signs in with, or leaving the tenant, would end it.
KEEPS_THE_CALLER = "/api/auth/(token/revoke|password/change)/"


async def fuzz(stack: Stack, service: str, folder: Path) -> None:
    """Send a service what its document allows and what it does not; fails for a 5xx or an answer without a name."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=20) as client:
        person = await sign_up(client, "fuzz")
        key = (await person.new_key())["key"]
        await person.new_segment("fuzzed")
    credential = f"Bearer {person.token}" if service in ("auth", "segments") else f"ApiKey {key}"
    process = await asyncio.create_subprocess_exec(
        str(BIN / "schemathesis"),
        "run",
        str(ROOT / "docs" / "openapi" / f"{service}.json"),
        f"--url={stack.url}",
        f"--header=Authorization:{credential}",
        f"--checks={CHECKS}",
        "--phases=examples,coverage,fuzzing",
        "--max-examples=20",
        "--seed=1",
        "--continue-on-failure",
        "--no-color",
        "--warnings=off",
        f"--exclude-path-regex={KEEPS_THE_CALLER}",
        cwd=folder,
        env=dict(os.environ) | {"SCHEMATHESIS_HOOKS": str(Path(__file__).parent / "schemathesis_hooks.py")},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
