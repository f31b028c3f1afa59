"""Every shell block of docs/cli.md runs as written."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from pathlib import Path

from tests.e2e.people import PASSWORD, Person
from tests.node import ROOT
from tests.shared.client import RunningStack

BACKUP_SECTION = "## Back up and restore"
"""Its blocks need stacks of their own: `tests/ops/test_backup.py` runs them."""


def blocks(text: str) -> list[str]:
    """Return the shell blocks of a page in order."""
    return re.findall(r"^```bash\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


async def test_the_page(valkey_stack: RunningStack, person: Person, key: str, tmp_path: Path) -> None:
    """The blocks run in one shell that ends at the first failure."""
    page = (ROOT / "docs/cli.md").read_text().partition(BACKUP_SECTION)[0]
    assert len(blocks(page)) == 15
    script = "\n".join(("set -euo pipefail", *(f"{block}\necho ok >&3" for block in blocks(page))))
    script = script.replace("http://127.0.0.1:8080", valkey_stack.url).replace("you@example.com", person.email)
    assert PASSWORD in script
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(ROOT / ".venv" / "bin")
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        f"exec 3>{tmp_path}/blocks\n{script}",
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), "SEGOPS_API_KEY": key},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    finished = (tmp_path / "blocks").read_text().count("ok")
    assert (process.returncode, finished) == (0, len(blocks(page))), out.decode()
    assert "+ create 'Pricing visitors'" in out.decode()
    assert ": succeeded, " in out.decode()
    shutil.rmtree(tmp_path / ".config")
