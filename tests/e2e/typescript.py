"""Runs the TypeScript of a document against a stack, the way a reader of it would."""

from __future__ import annotations

import asyncio
import json
import re
import signal
from collections.abc import Mapping
from pathlib import Path

from tests.e2e.commands import HOSTS
from tests.typescript_sdk import FOLDER, TypescriptSdk

_STAYS = "\nconsole.log('ready');\nsetInterval(() => {}, 1000);\n"
"""What makes a server of an example: it runs until SIGTERM."""
_END_S = 60


def typescript_of(text: str) -> str:
    """The TypeScript of a document, its blocks in order: between fences, or in plain text after a line that names it."""
    fenced = re.findall(r"^```typescript\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    plain = re.findall(r"^typescript\n(.*?)^(?=Step |Note$)", text, re.MULTILINE | re.DOTALL)
    return "\n".join(fenced or plain)


def compiled(sdk: TypescriptSdk, document: Path, url: str, folder: Path) -> Path:
    """The program that a document shows: compiled as it is, in a project that has the SDK, then pointed at a stack."""
    modules = folder / "node_modules"
    (modules / "@segops").mkdir(parents=True)
    (modules / "@segops" / "sdk").symlink_to(FOLDER, target_is_directory=True)
    (modules / "@types").symlink_to(FOLDER / "node_modules" / "@types", target_is_directory=True)
    (folder / "package.json").write_text(json.dumps({"type": "module"}))
    (folder / "segops.ts").write_text(typescript_of(document.read_text()))
    sdk.run(
        *("tsc", "--strict", "--target", "es2022", "--module", "nodenext", "--types", "node", "segops.ts"), cwd=folder
    )
    program = folder / "segops.js"
    code = program.read_text()
    for host in HOSTS:
        code = code.replace(host, url)
    program.write_text(code + _STAYS)
    return program


async def run_until_sigterm(sdk: TypescriptSdk, program: Path, variables: Mapping[str, str]) -> None:
    """Run a program, and end it as a deploy does; it must end well."""
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
