"""The Python client passes the fault suite, in threads and in asyncio."""

from __future__ import annotations

import sys
from typing import Final

import pytest

from tests.conformance.running import ROOT, Faults

pytestmark = pytest.mark.sdk
DRIVER: Final = str(ROOT / "sdks" / "python" / "conformance" / "driver.py")


@pytest.mark.parametrize("how", ["threads", "asyncio"])
async def test_every_mode(faults: Faults, how: str) -> None:
    assert await faults.judge_all([sys.executable, DRIVER, how]) == {}
