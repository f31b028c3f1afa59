"""Builds everything that has changed. A failure is a line, not an end: the product works without its console and SDKs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
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
    """Build the documentation and hand it to the running gateway, which has it already if no source has changed."""
    site = await asyncio.to_thread(built_site, builder.root, builder.cache)
    if site is None:
        try:
            site = await _documentation(builder)
            if site is not None:
                await asyncio.to_thread(publish_site, gateway.state_dir, site, gateway.identity)
        except (BuildError, LocalError, OSError) as error:
            builder.say(f"/docs/ is missing: {error}")
    if site is not None:
        builder.say(f"Documentation: {gateway.url}/docs/")


async def _documentation(builder: Builder) -> Path | None:
    """Return the folder of the documentation after building it; None in a checkout without one."""
    async with builder.alone():
        await build_site(builder)
    return await asyncio.to_thread(built_site, builder.root, builder.cache)
