"""The process that runs what all test processes of a run share: `python -m tests.shared.host FOLDER`.

A resource starts when the first test asks for it, and stops when the last test that uses it is done, or with the run.
Standard input is a pipe from the run's first process: when that ends, however it ends, everything here is stopped.
Every engine also dies with this process, so nothing stays behind after a kill -9 either.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
import traceback
from collections import Counter, defaultdict
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

if TYPE_CHECKING:
    from tests.shared.resources import Product, Resource

Reply = dict[str, Any]
LONGEST_LINE: Final = 2**16
READY: Final = b"1"


class Host:
    """Starts each resource once."""

    def __init__(self, folder: Path) -> None:
        self.ended = asyncio.Event()
        self._folder = folder
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._running: set[str] = set()
        self._uses: Counter[str] = Counter()

    @cached_property
    def _resources(self) -> Mapping[str, Resource]:
        """Imported with the first request, which most runs of a few tests never send."""
        from tests.shared.resources import in_folder

        return in_folder(self._folder)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        request = json.loads(await reader.readline())
        try:
            reply = await self._answer(**request)
        except Exception:
            reply = {"error": traceback.format_exc()}
        writer.write(json.dumps(reply).encode() + b"\n")
        await writer.drain()
        writer.close()

    async def stop_all(self) -> None:
        for name in tuple(self._running):
            await self._stop(name)

    async def _answer(self, do: str, name: str, process: str = "", uses: int = 0) -> Reply:
        resource = self._resources[name]
        if do == "start":
            return await self._start(name)
        if do == "process":
            return cast("Product", resource).process(process)
        if do == "engine":
            return cast("Product", resource).engine(process)
        if do == "end_process":
            return cast("Product", resource).end_process(process)
        if do == "begin_process":
            return await cast("Product", resource).begin_process(process)
        self._uses[name] += 1
        if self._uses[name] == uses:
            await self._stop(name)
        return {}

    async def _start(self, name: str) -> Reply:
        async with self._locks[name]:
            if name not in self._running:
                await self._resources[name].start()
                self._running.add(name)
            return self._resources[name].describe()

    async def _stop(self, name: str) -> None:
        async with self._locks[name]:
            if name in self._running:
                self._running.discard(name)
                await self._resources[name].stop()


async def main(folder: Path) -> None:
    """Serve until the run ends."""
    host, loop = Host(folder), asyncio.get_running_loop()
    loop.add_reader(0, host.ended.set)
    server = await asyncio.start_unix_server(host.serve, folder / "socket", limit=LONGEST_LINE)
    os.write(1, READY)
    await host.ended.wait()
    loop.remove_reader(0)
    server.close()
    await host.stop_all()
    await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
