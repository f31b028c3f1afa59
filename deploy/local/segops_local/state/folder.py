"""The folder with all data of a stack: one owner at a time, secrets generated once and readable by their owner only."""

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
    """Paths in one folder. All methods except `hold` and `remove` require that the caller holds it."""

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.logs = self.root / "logs"
        self.account_file = self.root / "account.json"
        self._secrets = self.root / "secrets"
        self._marker = self.root / "FORMAT"
        self._lock = self.root / "lock"

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Lock the folder until the block ends. Raises LocalError when another stack holds it, or it is not a stack's."""
        self._check_is_ours()
        try:
            self.root.mkdir(parents=True, exist_ok=True)
            self._restrict_access()
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
        """Delete the folder with all data. Return False when there was none."""
        if not self.root.exists():
            return False
        with self.hold():
            shutil.rmtree(self.root)
        return True

    def secret(self, name: str) -> str:
        """Return a random text of 256 bits, generated at the first call."""
        file = self._secrets / name
        if not file.exists():
            write_private(file, secrets.token_urlsafe(32))
        return self._read_secret(file)

    def signing_key(self) -> Path:
        """Return the file with the ES256 private key (PEM), generated at the first call."""
        file = self._secrets / "jwt-private-key.pem"
        if not file.exists():
            write_private(file, _new_signing_key())
        if "PRIVATE KEY" not in self._read_secret(file):
            raise LocalError(_damaged(file))
        return file

    def first_value(self, name: str, value: str) -> str:
        """Return the value that was given for this name at the first call."""
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
                f"{self.root} contains files that do not belong to SegOps: choose an empty or new folder with STATE=."
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

    def _restrict_access(self) -> None:
        """Close the folder to others. As root, leave it enterable: PostgreSQL's user must reach its own folder."""
        self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)


def _damaged(file: Path) -> str:
    return f"{file} is damaged: restore it, or delete all data with `make reset`."


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read. It appears whole or not at all."""
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
