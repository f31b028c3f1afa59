"""Runs the TypeScript of a document against a stack, as a reader would."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.commands import HOSTS
from tests.typescript_sdk import FOLDER, TypescriptSdk

_KEEP_RUNNING = "\nconsole.log('ready');\nsetInterval(() => {}, 1000);\n"
"""Keeps an example running until SIGTERM, as a server does."""
_END_S = 60


def typescript_of(text: str) -> str:
    """Return the TypeScript blocks of a document in order: fenced blocks, or plain text after a line `typescript`."""
    fenced = re.findall(r"^```typescript\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    plain = re.findall(r"^typescript\n(.*?)^(?=Step |Note$)", text, re.MULTILINE | re.DOTALL)
    return "\n".join(fenced or plain)


def project(folder: Path) -> Path:
    """Make a project that has the SDK and the types of Node, and return its folder."""
    modules = folder / "node_modules"
    (modules / "@segops").mkdir(parents=True)
    (modules / "@segops" / "sdk").symlink_to(FOLDER, target_is_directory=True)
    (modules / "@types").symlink_to(FOLDER / "node_modules" / "@types", target_is_directory=True)
    (folder / "package.json").write_text(json.dumps({"type": "module"}))
    return folder


def compiled(sdk: TypescriptSdk, document: Path, url: str, folder: Path) -> Path:
    """Compile a document's program unchanged in a project with the SDK, and point the result at a stack."""
    project(folder)
    (folder / "segops.ts").write_text(typescript_of(document.read_text()))
    sdk.run(
        *("tsc", "--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "segops.ts"), cwd=folder
    )
    program = folder / "segops.js"
    code = program.read_text()
    for host in HOSTS:
        code = code.replace(host, url)
    program.write_text(code + _KEEP_RUNNING)
    return program


async def run_until_sigterm(sdk: TypescriptSdk, program: Path, variables: Mapping[str, str]) -> None:
    """Run a program and send SIGTERM, as a deployment does. It must exit with 0."""
    process = await asyncio.create_subprocess_exec(
        sdk.node, str(program), env={**sdk.env, **variables}, stdout=asyncio.subprocess.PIPE
    )
    try:
        async with asyncio.timeout(_END_S):
            assert process.stdout is not None
            assert await process.stdout.readline() == b"ready\n"
            process.send_signal(signal.SIGTERM)
            assert await process.wait() == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
