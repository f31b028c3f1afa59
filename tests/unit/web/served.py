"""A process for test_server.py: `python -m tests.unit.web.served <port> <behaviour of its loop> [<internal port>]`."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvloop

from segops_common.web.app import Running, create_app
from segops_common.web.server import Address, serve


def say(word: str) -> None:
    sys.stdout.write(word + "\n")
    sys.stdout.flush()


@asynccontextmanager
async def lifespan() -> AsyncIterator[Running[None]]:
    say("opened")
    yield Running(None)
    say("closed")


async def obedient(stop: asyncio.Event) -> None:
    say("looping")
    await stop.wait()
    say("told to stop")


async def failing(_stop: asyncio.Event) -> None:
    raise RuntimeError("planted")


async def idle(_stop: asyncio.Event) -> None:
    say("ended by itself")


async def deaf(_stop: asyncio.Event) -> None:
    say("looping")
    await asyncio.sleep(3600)


LOOPS = {"obedient": obedient, "failing": failing, "idle": idle, "deaf": deaf}


async def main(port: int, behaviour: str, internal_port: int | None) -> None:
    app = create_app(title="Served", description="For a test.", lifespan=lifespan)
    loops = [LOOPS[behaviour]] if behaviour in LOOPS else []
    drain_s = 1.0 if behaviour == "drain" else 0.0
    await serve(app, Address("127.0.0.1", port, drain_s, internal_port), loops=loops)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]) if len(sys.argv) > 3 else None))
