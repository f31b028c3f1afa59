"""The folder that holds everything a stack knows: one owner at a time, secrets made once and closed to others."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segops_local.errors import LocalError

_FORMAT = "segops state 1\n"


class StateFolder:
    """Paths below one folder. Everything but `hold` and `remove` expects that the caller holds it."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.logs = self.root / "logs"
        self.account_file = self.root / "account.json"
        self._secrets = self.root / "secrets"
        self._marker = self.root / "FORMAT"
        self._lock = self.root / "lock"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Own the folder until the block ends; raises LocalError when another supervisor does, or it is not ours."""
        self._check_is_ours()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._close()
            descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LocalError(
                f"The folder {self.root} cannot be used ({error.strerror}): choose another with STATE=."
            ) from error
        try:
            self._take(descriptor)
            self._marker.write_text(_FORMAT)
            self.logs.mkdir(mode=0o700, exist_ok=True)
            self._secrets.mkdir(mode=0o700, exist_ok=True)
            yield
        finally:
            os.close(descriptor)

    def remove(self) -> bool:
        """Delete the folder with all data; False when there was none."""
        if not self.root.exists():
            return False
        with self.hold():
            shutil.rmtree(self.root)
        return True

    def secret(self, name: str) -> str:
        """A random text of 256 bits, made at the first call."""
        file = self._secrets / name
        if not file.exists():
            write_private(file, secrets.token_urlsafe(32))
        return self._read_secret(file)

    def signing_key(self) -> Path:
        """The file of the ES256 private key (PEM), made at the first call."""
        file = self._secrets / "jwt-private-key.pem"
        if not file.exists():
            write_private(file, _new_signing_key())
        if "PRIVATE KEY" not in self._read_secret(file):
            raise LocalError(_damaged(file))
        return file

    def settle(self, name: str, value: str) -> str:
        """What the folder was first used with under this name: `value` at the first call."""
        file = self.root / name
        if not file.exists():
            file.write_text(value + "\n")
        return file.read_text().strip()

    def _read_secret(self, file: Path) -> str:
        text = file.read_text().strip()
        if len(text) < 32:
            raise LocalError(_damaged(file))
        return text

    def _check_is_ours(self) -> None:
        if not self.root.exists():
            return
        if not self.root.is_dir():
            raise LocalError(f"{self.root} is a file, not a folder: choose another place with STATE=.")
        marker = self._marker.read_text() if self._marker.exists() else None
        if marker is None and any(entry.name != "lock" for entry in self.root.iterdir()):
            raise LocalError(
                f"{self.root} holds files that are not a SegOps stack's: choose an empty or new folder with STATE=."
            )
        if marker not in (None, _FORMAT):
            raise LocalError(
                f"{self.root} was written by another version of SegOps: choose another folder with STATE=."
            )

    def _take(self, descriptor: int) -> None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            owner = os.read(descriptor, 100).decode(errors="replace").strip() or "unknown"
            raise LocalError(
                f"The state folder {self.root} is in use by another SegOps (process {owner}): "
                f"stop that one, or choose another folder with STATE=."
            ) from None
        os.ftruncate(descriptor, 0)
        os.write(descriptor, f"{os.getpid()}\n".encode())

    def _close(self) -> None:
        """Closed to others; as root, PostgreSQL's user must be able to walk through to its own part."""
        self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _damaged(file: Path) -> str:
    return f"{file} is damaged: restore it, or `make reset` to start afresh and delete the data."


def write_private(file: Path, text: str) -> None:
    """Whole or not at all, and never readable by others."""
    unfinished = file.with_name(file.name + ".new")
    unfinished.unlink(missing_ok=True)
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        handle.write(text + "\n")
    unfinished.rename(file)


def _new_signing_key() -> str:
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode().strip()
