"""PostgreSQL refuses to run as root: the ordinary user that runs it instead, and the capabilities that user needs."""

import ctypes
import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path

from segops_local.errors import LocalError

_DAC_OVERRIDE, _DAC_READ_SEARCH, _SETPCAP = 1, 2, 8
_PR_SET_SECUREBITS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 28, 47, 2
_NO_SETUID_FIXUP = 4
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True, slots=True)
class Identity:
    """An unprivileged user, with the capabilities (Linux numbers) it needs to reach folders that only root may enter."""

    uid: int
    gid: int
    capabilities: tuple[int, ...] = ()


def unprivileged(reaches: tuple[Path, ...]) -> Identity | None:
    """Return the user that should run a server that refuses root; see `choose`."""
    return choose(reaches, effective_uid=os.geteuid(), grantable=_grantable())


def choose(reaches: tuple[Path, ...], *, effective_uid: int, grantable: tuple[int, ...]) -> Identity | None:
    """Return the user to run as, None when this process is not root's.

    `reaches` are the folders it must enter and the programs it must run. Some may be closed to others, such as /root or
    files installed under a strict umask. Then the user gets the weakest of the `grantable` capabilities that opens them.
    Raises LocalError when none is grantable.
    """
    if effective_uid != 0:
        return None
    uid, gid = _unprivileged_entry()
    closed = next((path for path in map(_first_closed, reaches) if path is not None), None)
    if closed is None:
        return Identity(uid, gid)
    if any(path.is_file() and not _may_be_used(path) for path in reaches):
        grantable = tuple(number for number in grantable if number == _DAC_OVERRIDE)
    if not grantable:
        raise LocalError(
            f"PostgreSQL cannot run as root, and its user {uid} may not enter {closed}: "
            f"choose another place (STATE=/var/tmp/segops), open it with `chmod o+x {closed}`, or run as an ordinary user."
        )
    return Identity(uid, gid, grantable[:1])


def become(identity: Identity) -> None:
    """Make this process, a forked child, the user's for the rest of its life. Raises OSError when the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if identity.capabilities:
        # Without it access(2) ignores the capabilities of a user that is not root, and initdb believes access(2).
        _check(libc.prctl(_PR_SET_SECUREBITS, _NO_SETUID_FIXUP, 0, 0, 0))
    os.setgroups([])
    os.setgid(identity.gid)
    os.setuid(identity.uid)
    if identity.capabilities:
        _keep(libc, identity.capabilities)


def _keep(libc: ctypes.CDLL, capabilities: tuple[int, ...]) -> None:
    mask = sum(1 << number for number in capabilities)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION_3, 0)
    data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
    _check(libc.capset(header, data))
    for number in capabilities:
        _check(libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, number, 0, 0))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def _unprivileged_entry() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise LocalError(
            "PostgreSQL cannot run as root, and this system has no user `nobody` to run it as: run as an ordinary user."
        ) from None
    return entry.pw_uid, entry.pw_gid


def _first_closed(path: Path) -> Path | None:
    resolved = path.resolve()
    for place in (*reversed(resolved.parents), resolved):
        if not _may_be_used(place):
            return place
    return None


def _may_be_used(path: Path) -> bool:
    """Return whether others may enter the folder or run the program. True for a path that does not exist yet."""
    return not path.exists() or bool(path.stat().st_mode & 0o001)


def _grantable() -> tuple[int, ...]:
    if not sys.platform.startswith("linux"):
        return ()
    lines = Path("/proc/self/status").read_text().splitlines()
    permitted = next(int(line.split()[1], 16) for line in lines if line.startswith("CapPrm:"))
    if not permitted >> _SETPCAP & 1:
        return ()
    return tuple(number for number in (_DAC_READ_SEARCH, _DAC_OVERRIDE) if permitted >> number & 1)
