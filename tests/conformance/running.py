"""The fault server as a process of its own, and drivers that are pointed at it."""

from __future__ import annotations

import asyncio
import json
import secrets
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx

from tests.conformance.rule import EVENTS, Outcome, faults_of
from tests.conformance.runs import MODES

ROOT: Final = Path(__file__).parents[2]
_DRIVER_S: Final = 120


@dataclass(frozen=True, slots=True)
class Faults:
    """A running fault server."""

    url: str

    def api_url(self, mode: str, run: str) -> str:
        """What an SDK is given as its address."""
        return f"{self.url}/run/{mode}/{run}"

    async def report(self, run: str) -> dict[str, Any]:
        """What came of a run."""
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.get(f"{self.url}/report/{run}")
        assert answer.status_code == 200, answer.text
        report: dict[str, Any] = answer.json()
        return report

    async def judge(self, mode: str, command: Sequence[str], env: Mapping[str, str] | None = None) -> list[str]:
        """Run `command`, a driver, with the address and the number of events as its arguments; what it did wrong."""
        run = f"{mode.replace('_', '-')}-{secrets.token_hex(4)}"
        outcome = json.loads(await said_by([*command, self.api_url(mode, run), str(EVENTS)], env))
        return faults_of(mode, await self.report(run), Outcome(**outcome))

    async def judge_together(self, command: Sequence[str]) -> dict[str, list[str]]:
        """As `judge_all`, by one driver that is given the number of events and the addresses of all modes."""
        runs = {mode: secrets.token_hex(8) for mode in MODES}
        said = await said_by([*command, str(EVENTS), *(self.api_url(mode, run) for mode, run in runs.items())])
        results = {}
        for (mode, run), outcome in zip(runs.items(), json.loads(said), strict=True):
            results[mode] = faults_of(mode, await self.report(run), Outcome(**outcome))
        return {mode: faults for mode, faults in results.items() if faults}

    async def judge_all(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> dict[str, list[str]]:
        """What it did wrong in each mode, all of them at once."""
        async with asyncio.TaskGroup() as group:
            judged = {mode: group.create_task(self.judge(mode, command, env)) for mode in MODES}
        return {mode: task.result() for mode, task in judged.items() if task.result()}


@asynccontextmanager
async def fault_server() -> AsyncIterator[Faults]:
    """Runs until the block is left."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.conformance.server", cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        yield Faults(json.loads(await process.stdout.readline())["url"])
    finally:
        process.terminate()
        await process.wait()


async def said_by(command: Sequence[str], env: Mapping[str, str] | None = None) -> str:
    """The last line that a driver prints; fails when it does."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env=env)
    try:
        said, errors = await asyncio.wait_for(process.communicate(), _DRIVER_S)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, errors.decode()
    return said.decode().splitlines()[-1]
