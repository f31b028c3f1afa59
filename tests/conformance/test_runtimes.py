"""The TypeScript SDK passes the fault suite wherever JavaScript runs, and pages that are left lose nothing."""

from __future__ import annotations

import asyncio
import json
import secrets

import pytest

from tests.conformance.rule import EVENTS
from tests.conformance.running import Faults, said_by
from tests.runtimes import Runtime, Runtimes


@pytest.mark.parametrize("runtime", ["node-22", "bun", "deno", "workerd"])
async def test_it_loses_nothing(faults: Faults, runtimes: Runtimes, runtime: Runtime) -> None:
    assert await faults.judge_all(runtimes.command(runtime)) == {}


async def test_it_loses_nothing_in_chromium(faults: Faults, runtimes: Runtimes) -> None:
    assert await faults.judge_together([*runtimes.script("page.mjs"), str(runtimes.as_script), "{}"]) == {}


async def test_a_script_tag_loses_no_call_that_comes_before_it_has_loaded(faults: Faults, runtimes: Runtimes) -> None:
    snippet = runtimes.sdk.folder / "dist" / "snippet.iife.js"
    assert await faults.judge("healthy", [*runtimes.script("snippet.mjs"), str(snippet)]) == []


@pytest.mark.parametrize("how", ["navigate", "close", "offline"])
async def test_a_page_that_is_left_loses_nothing(faults: Faults, runtimes: Runtimes, how: str) -> None:
    run = secrets.token_hex(8)
    command = [*runtimes.script("leave.mjs"), str(runtimes.as_script), how, faults.api_url("healthy", run)]
    assert json.loads(await said_by([*command, str(EVENTS)])) == {}
    async with asyncio.timeout(60):
        while len((report := await faults.report(run))["ns"]) < EVENTS:
            await asyncio.sleep(0.1)
    assert (report["ns"], report["duplicates"]) == (list(range(EVENTS)), 0)
