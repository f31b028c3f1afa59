"""The contract of `IngestWatermark`."""

from __future__ import annotations

import asyncio

from tests.contract.membership.conftest import Ports


async def test_nothing_is_waited_for_when_nothing_is_on_its_way(ports: Ports) -> None:
    async with asyncio.timeout(60):
        await ports.watermark.wait_until_ingested()
