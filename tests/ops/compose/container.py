"""Becomes a container of compose.yaml: `unshare --net --mount python -m tests.ops.compose.container`, with its form as JSON.

It waits until the runner has put a network device into its network, then takes its address and its
files, gives up root, and replaces itself by the program.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

DEVICE = "eth0"
_SETPRIV = "/usr/bin/setpriv"
_READS = "dac_read_search"
"""In a container nothing would be allowed. Here the program may be in a folder that only root may enter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What a container is started with. `files` are mounted at their places; `folder` is the working folder."""

    address: str
    argv: list[str]
    environment: dict[str, str] = field(repr=False)
    user: int
    files: dict[str, str]
    folder: str = "/"

    def __str__(self) -> str:
        return json.dumps(asdict(self))


def main(text: str) -> None:
    """Wait for the device, and become the container."""
    form = Form(**json.loads(text))
    sys.stdin.readline()
    for command in (
        ("ip", "link", "set", "lo", "up"),
        ("ip", "address", "add", f"{form.address}/24", "dev", DEVICE),
        ("ip", "link", "set", DEVICE, "up"),
        ("mount", "--make-rprivate", "/"),
        ("mount", "-t", "tmpfs", "-o", "mode=1777,size=64m", "tmpfs", "/var/run"),
    ):
        subprocess.run(command, check=True)
    for place, file in form.files.items():
        Path(place).parent.mkdir(parents=True, exist_ok=True)
        Path(place).touch()
        subprocess.run(("mount", "--bind", file, place), check=True)
    os.chdir(form.folder)
    rights = [f"--{kind}=-all,+{_READS}" for kind in ("inh-caps", "ambient-caps", "bounding-set")]
    user = (f"--reuid={form.user}", f"--regid={form.user}", "--clear-groups", "--no-new-privs")
    os.execve(_SETPRIV, [_SETPRIV, *user, *rights, *form.argv], form.environment)


if __name__ == "__main__":
    main(sys.argv[1])
