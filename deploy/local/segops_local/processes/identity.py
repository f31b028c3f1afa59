"""Started by root, each engine runs as a user of its own, which owns its folder and has the capabilities that it needs."""

import ctypes
import os
import pwd
import secrets
import stat
import sys
import threading
from collections import defaultdict
from dataclasses import dataclass, replace
from pathlib import Path

from segops_local.errors import LocalError
from segops_local.state.plain_files import open_entry, open_folder

# No distribution and no systemd gives these numbers away; they need no entry in /etc/passwd.
_UIDS = range(60_600, 61_184)
_settling = threading.Lock()
_chosen: defaultdict[Path, set[int]] = defaultdict(set)
NET_BIND_SERVICE = 10
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


def settle(folder: Path, programs: tuple[Path, ...]) -> Identity | None:
    """Close the folder to others. As root, give it to a user of its own, and return that user; see `choose`."""
    folder.chmod(0o700)
    with _settling:
        identity = choose(folder, programs, effective_uid=os.geteuid(), grantable=_grantable())
        if identity is not None and folder.stat().st_uid != identity.uid:
            give(folder, identity)
    return identity


def give(path: Path, identity: Identity | None) -> None:
    """Give a file, or a folder with its content, to the user, and close it to others. Has no effect for None.

    Passwords, which are files directly in the folder, stay with the supervisor.
    """
    if identity is None:
        return
    supervisor = Identity(os.geteuid(), os.getegid())
    with open_folder(path.parent) as parent:
        _hand_over(path.name, parent, identity)
        # Both calls stay at the folders that they opened, so nobody can put a link in their way.
        for inner, folders, files, folder in os.fwalk(path.name, dir_fd=parent):
            for name in (*folders, *files):
                kept = inner == path.name and name.startswith("password")
                _hand_over(name, folder, supervisor if kept else identity)


def _hand_over(name: str, folder: int, owner: Identity) -> None:
    """Give a file or folder in an open folder to the owner. Links stay as they are."""
    descriptor = open_entry(name, folder)
    if descriptor is None:
        return
    try:
        os.fchown(descriptor, owner.uid, owner.gid)
        os.fchmod(descriptor, 0o700 if stat.S_ISDIR(os.fstat(descriptor).st_mode) else 0o600)
    finally:
        os.close(descriptor)


def named(identity: Identity | None) -> Identity | None:
    """Return the same with a user who has an entry in /etc/passwd. Raises LocalError when only root has one."""
    if identity is None:
        return None
    entries = [entry for entry in pwd.getpwall() if entry.pw_uid != 0]
    if not entries:
        raise LocalError(
            "PostgreSQL needs an ordinary user in /etc/passwd, such as `nobody`: add one, or do not run as root."
        )
    entry = next((entry for entry in entries if entry.pw_name == "nobody"), entries[0])
    return replace(identity, uid=entry.pw_uid, gid=entry.pw_gid)


def choose(
    folder: Path, programs: tuple[Path, ...], *, effective_uid: int, grantable: tuple[int, ...]
) -> Identity | None:
    """Return the user to run as, None when this process is not root's.

    It is the owner of the folder, or a new number. It must reach the folder and run the programs. Some may be closed to
    others, such as /root or files installed under a strict umask. Then the user gets the weakest of the `grantable`
    capabilities that opens them. Raises LocalError when none is grantable.
    """
    if effective_uid != 0:
        return None
    uid = _own_uid(folder)
    closed = next((path for path in map(_first_closed, (*programs, folder.parent)) if path is not None), None)
    if closed is None:
        return Identity(uid, uid)
    if any(path.is_file() and not _may_be_used(path) for path in programs):
        grantable = tuple(number for number in grantable if number == _DAC_OVERRIDE)
    if not grantable:
        raise LocalError(
            f"The user {uid} that runs this engine may not enter {closed}: "
            f"choose another place (STATE=/var/tmp/segops), open it with `chmod o+x {closed}`, or run as an ordinary user."
        )
    return Identity(uid, uid, grantable[:1])


def _own_uid(folder: Path) -> int:
    """Return the owner of the folder if the number is one of ours, else one that has no name and no folder beside it."""
    owner = folder.stat().st_uid
    if owner in _UIDS:
        return owner
    taken = {entry.pw_uid for entry in pwd.getpwall()} | {part.stat().st_uid for part in folder.parent.iterdir()}
    # PostgreSQL's folder has another owner while it is made, so what was chosen for the folders beside counts too.
    uid = secrets.choice([uid for uid in _UIDS if uid not in taken | _chosen[folder.parent]])
    _chosen[folder.parent].add(uid)
    return uid


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
