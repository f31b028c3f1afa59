"""Clients that generators make of our OpenAPI document compile, and run the quickstart against a stack."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from scripts import openapi
from tests.e2e.people import sign_up
from tests.node import ROOT, alone, find_node
from tests.shared.client import RunningStack

FOLDER: Final = Path(__file__).parent
TOOLS: Final = FOLDER / "tools"
CACHE: Final = ROOT / ".segops-cache" / "generated"
OAPI_CODEGEN: Final = "github.com/oapi-codegen/oapi-codegen/v2/cmd/oapi-codegen@v2.8.2"
SCOPES: Final = ["events:write", "segments:read", "segments:write", "membership:read"]

pytestmark = pytest.mark.sdk


@pytest.fixture(scope="session")
def document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The merged document of the services as they are."""
    file = tmp_path_factory.mktemp("openapi") / "segops.json"
    file.write_text(openapi.all_documents()["segops.json"])
    return file


def run(*command: str, cwd: Path, env: Mapping[str, str] | None = None) -> str:
    process = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    assert process.returncode == 0, f"{' '.join(command)}\n{process.stdout[-4000:]}{process.stderr[-4000:]}"
    return process.stdout


async def runs_the_quickstart(stack: RunningStack, command: list[str], env: Mapping[str, str] | None = None) -> None:
    """Run a program with the address, a key and a user; it prints the run's status, its segment and the lookup."""
    async with httpx.AsyncClient(base_url=stack.url, timeout=60) as http:
        key = (await (await sign_up(http)).new_key(scopes=SCOPES))["key"]
    environment = {**(env or os.environ)}
    output = await asyncio.to_thread(run, *command, stack.url, key, "user-123", cwd=FOLDER, env=environment)
    status, segment, members = json.loads(output.splitlines()[-1])
    assert (status, members) == ("succeeded", [segment])


TYPESCRIPT: Final[dict[str, list[str]]] = {
    "openapi-fetch": ["openapi-typescript", "{document}", "-o", "made/segops.ts"],
    "hey-api": ["openapi-ts", "-i", "{document}", "-o", "made/hey"],
    "orval": ["orval", "--input", "{document}", "--output", "made/orval/segops.ts", "--client", "fetch"],
}


@pytest.mark.parametrize("generator", TYPESCRIPT)
async def test_typescript(valkey_stack: RunningStack, document: Path, generator: str) -> None:
    node = find_node()
    program = TOOLS / "made" / f"{generator}.mjs"
    with alone():
        node.install(TOOLS)
        env = {**node.env, "PATH": f"{TOOLS / 'node_modules' / '.bin'}:{node.env['PATH']}"}
        tool, *arguments = TYPESCRIPT[generator]
        run(tool, *(argument.format(document=document) for argument in arguments), cwd=TOOLS, env=env)
        source = f"use-{generator}.ts"
        options = ("--noEmit", "--strict", "--skipLibCheck", "--target", "es2022", "--module", "esnext")
        more = ("--moduleResolution", "bundler", "--lib", "es2022,dom", "--types", "node")
        run("tsc", *options, *more, source, cwd=TOOLS, env=env)
        run(
            "esbuild", source, "--bundle", "--platform=node", "--format=esm", f"--outfile={program}", cwd=TOOLS, env=env
        )
    await runs_the_quickstart(valkey_stack, [node.node, str(program)], node.env)


async def test_go(valkey_stack: RunningStack, document: Path, tmp_path: Path) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("This machine has no Go.")
    env: dict[str, Any] = {**os.environ, "GOBIN": str(CACHE / "bin"), "GOFLAGS": "-mod=readonly"}
    tool = CACHE / "bin" / "oapi-codegen"
    project = tmp_path / "project"
    shutil.copytree(FOLDER / "oapi-codegen", project)
    (project / "segops").mkdir()
    with alone():
        if not tool.exists():
            run(go, "install", OAPI_CODEGEN, cwd=tmp_path, env=env)
        made = ("-generate", "types,client", "-package", "segops", "-o", "segops/segops.go", str(document))
        run(str(tool), *made, cwd=project, env=env)
        run(go, "vet", "./...", cwd=project, env=env)
        run(go, "build", "-o", "quickstart", ".", cwd=project, env=env)
    await runs_the_quickstart(valkey_stack, [str(project / "quickstart")])
