"""Every shell block of the documentation is valid shell, and names only targets of make that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.unit.docs.test_links import pages, text_of

ROOT: Final = Path(__file__).resolve().parents[3]
BLOCK: Final = re.compile(r"^```(?:bash|sh|shell)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TARGET: Final = re.compile(r"(?:^|[;&|] *)make ((?:[A-Z]+=\S* )*)([a-z][a-z-]*)", re.MULTILINE)
BLOCKS: Final = {page: blocks for page in pages() if (blocks := BLOCK.findall(text_of(page)))}


@pytest.mark.parametrize("page", BLOCKS)
def test_every_block_is_valid_shell(page: str) -> None:
    # One shell reads all blocks of a page. Each is a function, so that an open quote cannot end in the next one.
    text = "\n".join(f"block_{number}() {{\n{block}\n:\n}}" for number, block in enumerate(BLOCKS[page], 1))
    shell = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (shell.returncode, shell.stderr) == (0, "")


def test_every_target_of_make_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    named = {match[2] for blocks in BLOCKS.values() for block in blocks for match in TARGET.finditer(block)}
    assert len(named) > 10
    assert named - targets == set()
