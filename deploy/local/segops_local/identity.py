"""PostgreSQL refuses to run as root: choose the ordinary user that runs it, and what that user may reach."""

import ctypes
import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path

from segops_local.errors import LocalError

_DAC_OVERRIDE, _DAC_READ_SEARCH = 1, 2
_PR_SET_KEEPCAPS, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE = 8, 47, 2
_CAPABILITY_VERSION_3 = 0x20080522


@dataclass(frozen=True, slots=True)
class Identity:
    """An unprivileged user, with the capabilities (Linux numbers) it needs to reach folders that only root may enter."""

    uid: int
    gid: int
    capabilities: tuple[int, ...] = ()


def unprivileged(reaches: tuple[Path, ...]) -> Identity | None:
    """The user this process should run a server as that refuses root; see `choose`."""
    return choose(reaches, effective_uid=os.geteuid(), grantable=_grantable())


def choose(reaches: tuple[Path, ...], *, effective_uid: int, grantable: tuple[int, ...]) -> Identity | None:
    """The user to run as, or None when we are already an ordinary user.

    `reaches` are the folders it must be able to enter. Below a folder closed to others (such as /root) the user gets
    the first of the `grantable` capabilities, which opens folders to it; LocalError when root has none to give.
    """
    if effective_uid != 0:
        return None
    uid, gid = _nobody()
    closed = next((path for path in map(_first_closed, reaches) if path is not None), None)
    if closed is None:
        return Identity(uid, gid)
    if not grantable:
        raise LocalError(
            f"PostgreSQL cannot run as root, and its user {uid} may not enter {closed}: "
            f"choose another place (STATE=/var/tmp/segops), open it with `chmod o+x {closed}`, or run as an ordinary user."
        )
    return Identity(uid, gid, grantable[:1])


def become(identity: Identity) -> None:
    """Turn this process, a forked child, into the identity for good. Raises OSError when the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    if identity.capabilities:
        _check(libc.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))
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


def _nobody() -> tuple[int, int]:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise LocalError(
            "PostgreSQL cannot run as root, and this system has no user `nobody` to run it as: run as an ordinary user."
        ) from None
    return entry.pw_uid, entry.pw_gid


def _first_closed(path: Path) -> Path | None:
    resolved = path.resolve()
    for folder in (*reversed(resolved.parents), resolved):
        if folder.is_dir() and not folder.stat().st_mode & 0o001:
            return folder
    return None


def _grantable() -> tuple[int, ...]:
    if not sys.platform.startswith("linux"):
        return ()
    lines = Path("/proc/self/status").read_text().splitlines()
    permitted = next(int(line.split()[1], 16) for line in lines if line.startswith("CapPrm:"))
    return tuple(number for number in (_DAC_READ_SEARCH, _DAC_OVERRIDE) if permitted >> number & 1)
