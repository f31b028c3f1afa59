"""The folder with all data of a stack: one owner at a time, secrets generated once and readable by their owner only."""

import fcntl
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from segops_local.errors import LocalError
from segops_local.state.secrets import kept_secret, write_private

_FORMAT = "segops state 1\n"
MIGRATED = "migrated"
"""A file in the folder of each engine, written when the services have made their tables there."""


class StateFolder:
    """Paths in one folder. All methods except `hold` and `remove` require that the caller holds it."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.logs = (self.root / "logs").resolve()
        self.mails = self.root / "mail"
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
            write_private(self._marker, _FORMAT.strip())
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
        """Return a random text of 256 bits, generated before there are data. Raises LocalError when it is lost."""
        return kept_secret(self._secrets / name, lambda: secrets.token_urlsafe(32), in_use=self._has_tables())

    def later_secret(self, name: str) -> str:
        """Return a secret that state folders of earlier versions do not have. Raises LocalError when it is lost."""
        made = self._secrets / f"{name}.made"
        value = kept_secret(self._secrets / name, lambda: secrets.token_urlsafe(32), in_use=made.exists())
        if not made.exists():
            write_private(made, "")
        return value

    def signing_key(self) -> Path:
        """Return the file with the ES256 private key (PEM), generated before there are data. Raises LocalError when it is lost."""
        file = self._secrets / "jwt-private-key.pem"
        kept_secret(file, _new_signing_key, in_use=self._has_tables(), ending="PRIVATE KEY-----")
        return file

    def first_value(self, name: str, value: str) -> str:
        """Return the value that was given for this name at the first call."""
        file = self.root / name
        if not file.exists():
            write_private(file, value)
        return file.read_text().strip()

    def _has_tables(self) -> bool:
        """Return whether the services have made their tables, for which all of their secrets were generated before."""
        return any(self.root.glob(f"*/{MIGRATED}"))

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
        """Close the folder and its parts to others. As root, leave it enterable: the engines' users must reach their own."""
        self.root.chmod(0o711 if os.geteuid() == 0 else 0o700)
        for part in self.root.iterdir():
            if not part.is_symlink():
                part.chmod(0o700 if part.is_dir() else 0o600)


def _new_signing_key() -> str:
    # Imported here, because only the first start needs it.
    from segops_common.security.tokens import new_private_key

    return new_private_key().strip()
