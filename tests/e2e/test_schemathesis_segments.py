"""Generated requests to segments meet no 5xx, and no answer that its document does not name; a file of its own takes turns."""

from __future__ import annotations

from pathlib import Path

from segops_local.stack import Stack
from tests.e2e.fuzzing import fuzz


async def test_no_5xx_and_nothing_undocumented(stack: Stack, tmp_path: Path) -> None:
    await fuzz(stack, "segments", tmp_path)
