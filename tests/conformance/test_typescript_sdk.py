"""The TypeScript SDK passes every mode of the fault suite on Node."""

from __future__ import annotations

import pytest

from tests.conformance.running import Faults
from tests.conformance.runs import MODES
from tests.typescript_sdk import FOLDER, TypescriptSdk

DRIVER = FOLDER / "conformance" / "driver.mjs"


@pytest.mark.parametrize("mode", MODES)
async def test_it_loses_nothing_on_node(faults: Faults, typescript_sdk: TypescriptSdk, mode: str) -> None:
    assert await faults.judge(mode, [typescript_sdk.node, str(DRIVER)]) == []
