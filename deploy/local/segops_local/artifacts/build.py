"""Builds everything that has changed. A failure is a line, not an end: the product works without its console and SDKs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from segops_local.artifacts.builder import Builder, BuildError
from segops_local.artifacts.console import build_console
from segops_local.artifacts.sdks import build_python, build_typescript
from segops_local.artifacts.site import build_site, built_site
from segops_local.errors import LocalError
from segops_local.gateway.pages import publish_site
from segops_local.processes.server import Server

Step = tuple[str, Callable[[Builder], Awaitable[None]]]
"""What it means when the artefact is missing, and what builds it."""
STEPS: Final[tuple[Step, ...]] = (
    ("The console is missing", build_console),
    ("/sdk/ has no wheel", build_python),
    ("/sdk/ has no npm package", build_typescript),
)


async def build(builder: Builder, steps: Iterable[Step] = STEPS) -> None:
    """Build one after the other: the engines that start meanwhile need a processor too."""
    async with builder.alone():
        for consequence, make in steps:
            try:
                await make(builder)
            except (BuildError, LocalError, OSError) as error:
                builder.say(f"{consequence}: {error}")


async def build_documentation(builder: Builder, gateway: Server) -> None:
    """Build the documentation and hand it to the running gateway. With unchanged sources, the gateway has it already."""
    if await asyncio.to_thread(built_site, builder.root, builder.cache) is not None:
        return
    async with builder.alone():
        try:
            await build_site(builder)
            await asyncio.to_thread(_publish, builder, gateway)
        except (BuildError, LocalError, OSError) as error:
            builder.say(f"/docs/ is missing: {error}")


def _publish(builder: Builder, gateway: Server) -> None:
    site = built_site(builder.root, builder.cache)
    if site is not None:
        publish_site(gateway.state_dir, site, gateway.identity)
