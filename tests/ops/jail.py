"""Starts a program in the files of an image as Kubernetes would: another user, no capability, nothing to write to but /tmp.

Run it as root in a mount namespace of its own: `unshare --mount python -m tests.ops.jail ROOT USER PROGRAM …`. It replaces
itself by the program, so signals reach that.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

_PR_CAPBSET_DROP: Final = 24
_PR_SET_NO_NEW_PRIVS: Final = 38
_LAST_CAPABILITY: Final = Path("/proc/sys/kernel/cap_last_cap")


def enter(root: Path, user: int) -> None:
    """Make the files read-only and the root of this process, and give up all rights of root."""
    for arguments in (
        ("--make-rprivate", "/"),
        ("--bind", str(root), str(root)),
        ("-t", "tmpfs", "-o", "mode=1777,size=64m", "tmpfs", str(root / "tmp")),
        ("-t", "proc", "proc", str(root / "proc")),
        ("--bind", "/dev", str(root / "dev")),
        ("-o", "remount,bind,ro", str(root)),
    ):
        subprocess.run(["mount", *arguments], check=True)
    for stream in (1, 2):
        os.fchown(stream, user, user)  # so that the program may open /dev/stdout, as in a container
    libc = ctypes.CDLL(None, use_errno=True)
    for capability in range(int(_LAST_CAPABILITY.read_text()) + 1):
        _checked(libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0))
    os.chroot(root)
    os.chdir("/")
    os.setgroups([])
    os.setgid(user)
    os.setuid(user)
    _checked(libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))


def _checked(result: int) -> None:
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def main(root: str, user: str, *program: str) -> None:
    """Enter the files and start the program with the present environment."""
    enter(Path(root), int(user))
    os.execve(program[0], list(program), dict(os.environ))


if __name__ == "__main__":
    main(*sys.argv[1:])
