"""The install lines of the documentation work as printed, and the API reference renders in a browser."""

from __future__ import annotations

import asyncio
import json
import re
import shlex
import venv
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import pytest

from scripts import openapi
from segops_local.artifacts.builder import Builder
from segops_local.artifacts.sdks import build_python, build_typescript
from segops_local.gateway.nginx import Gateway, load_routes
from segops_local.state.ports import free_port
from tests.conformance.running import said_by
from tests.e2e.people import patient_client, sign_up
from tests.node import ROOT, find_node
from tests.runtimes import Runtimes
from tests.shared.client import RunningStack

PAGES: Final = ("README.md", "docs/quickstart.md", "sdks/python/README.md", "sdks/typescript/README.md")
PRINTED: Final = "http://127.0.0.1:8080"
NPM: Final = "import { SegOpsClient } from '@segops/sdk'; const [apiUrl, apiKey] = process.argv.slice(2);"
IN_JAVASCRIPT: Final = f"""{NPM}
const segops = new SegOpsClient({{ apiUrl, apiKey }});
segops.track({{ userId: 'user-123', eventType: 'page_viewed' }});
console.log((await segops.shutdown()).sent);
"""
IN_PYTHON: Final = """import sys
from segops_client import SegOpsClient
segops = SegOpsClient(*sys.argv[1:])
segops.track(user_id="user-123", event_type="page_viewed")
print(segops.shutdown().sent)
"""

pytestmark = pytest.mark.sdk


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Gateway]:
    """A gateway that serves the SDKs as they are built from the sources."""
    folder = tmp_path_factory.mktemp("gateway")
    builder = Builder(say=lambda _: None, log=folder / "build.log")
    async with builder.alone():
        await build_python(builder)
        await build_typescript(builder)
    table = load_routes()
    upstreams = {name: free_port() for name in table.upstreams}
    gateway = Gateway(folder / "state", upstreams=upstreams, table=table)
    await gateway.start()
    yield gateway
    await gateway.stop()


@pytest.fixture(scope="module")
async def key(valkey_stack: RunningStack) -> str:
    async with patient_client(valkey_stack.url) as http:
        return str((await (await sign_up(http)).new_key())["key"])


def install_line(program: str) -> str:
    """Return the only install line that the documentation has for a program."""
    text = "\n".join((ROOT / page).read_text() for page in PAGES)
    lines: set[str] = set(re.findall(rf"^{program} install .*$", text, re.MULTILINE))
    (line,) = lines
    assert PRINTED in line
    return line


async def test_the_npm_package(gateway: Gateway, valkey_stack: RunningStack, key: str, tmp_path: Path) -> None:
    node = find_node()
    _, *arguments = shlex.split(install_line("npm").replace(PRINTED, gateway.url))
    (tmp_path / "app").mkdir()
    await asyncio.to_thread(node.run, *node.npm, *arguments, cwd=tmp_path / "app")
    (tmp_path / "app" / "use.mjs").write_text(IN_JAVASCRIPT)
    assert await said_by([node.node, str(tmp_path / "app" / "use.mjs"), valkey_stack.url, key]) == "1"


async def test_the_wheel(gateway: Gateway, valkey_stack: RunningStack, key: str, tmp_path: Path) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    programs = tmp_path / "venv" / "bin"
    pip, *arguments = shlex.split(install_line("pip").replace(PRINTED, gateway.url))
    await said_by([str(programs / pip), *arguments])
    (tmp_path / "use.py").write_text(IN_PYTHON)
    assert await said_by([str(programs / "python"), str(tmp_path / "use.py"), valkey_stack.url, key]) == "1"


def test_the_script_for_pages(gateway: Gateway) -> None:
    answer = httpx.get(f"{gateway.url}/sdk/segops.js")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/javascript")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert b"segops" in answer.content


async def test_the_reference(gateway: Gateway, runtimes: Runtimes, tmp_path: Path) -> None:
    screenshot = tmp_path / "reference.png"
    script = runtimes.script("reference.mjs")
    page = json.loads(await said_by([*script, str(runtimes.as_script), gateway.url, str(screenshot)]))
    paths = json.loads((openapi.FOLDER / "segops.json").read_text())["paths"]
    assert page["errors"] == []
    assert sorted(page["operations"]) == sorted(path for path, methods in paths.items() for _ in methods)
    assert '"event_type": "' in page["body"]
