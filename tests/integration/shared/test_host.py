"""The host of a run starts an engine once for all, stops it at its last use, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from tests.shared.client import ROOT, Shared, SharedOwner

RUN = """
import signal
from tests.shared.client import SharedOwner
# A test run in the background of a shell ignores Ctrl-C, and its children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
owner = SharedOwner()
print(owner.shared.folder, owner.shared.engine("postgres"), flush=True)
try:
    signal.pause()
finally:
    owner.close()
"""


@pytest.fixture
def shared() -> Iterator[Shared]:
    owner = SharedOwner()
    yield owner.shared
    owner.close()


async def listens(url: str) -> bool:
    port = urlsplit(url).port
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except (ConnectionRefusedError, ConnectionResetError):
        return False
    writer.close()
    return True


def anything_left(folder: Path) -> bool:
    return folder.exists() or bool(processes_of(folder))


def processes_of(folder: Path) -> list[psutil.Process]:
    return [process for process in psutil.process_iter() if str(folder) in " ".join(command_of(process))]


def command_of(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


async def test_an_engine_starts_once_and_stops_at_its_last_use(shared: Shared) -> None:
    urls = await asyncio.gather(*(asyncio.to_thread(shared.engine, "postgres") for _ in range(3)))
    assert len(set(urls)) == 1
    await asyncio.to_thread(shared.note_use, "postgres", 2)
    assert await listens(urls[0])
    await asyncio.to_thread(shared.note_use, "postgres", 2)
    assert not await listens(urls[0])


async def test_a_failure_reaches_who_asked(shared: Shared) -> None:
    with pytest.raises(RuntimeError, match="KeyError: 'oracle'"):
        await asyncio.to_thread(shared.engine, "oracle")


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
async def test_nothing_outlives_a_run(end: signal.Signals) -> None:
    run = await asyncio.create_subprocess_exec(sys.executable, "-c", RUN, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert run.stdout is not None
    folder, url = (await run.stdout.readline()).decode().split()
    assert await listens(url)
    run.send_signal(end)
    await run.wait()
    async with asyncio.timeout(60):
        while anything_left(Path(folder)):
            await asyncio.sleep(0.05)
    assert not await listens(url)


async def test_nothing_outlives_the_host() -> None:
    owner = SharedOwner()
    try:
        url = await asyncio.to_thread(owner.shared.engine, "postgres")
        for process in processes_of(owner.shared.folder):
            if "tests.shared.host" in command_of(process):
                process.kill()
        async with asyncio.timeout(60):
            while await listens(url):
                await asyncio.sleep(0.05)
    finally:
        owner.close()
