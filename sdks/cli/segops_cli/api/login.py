"""The stored login: one file that only its owner may read."""

from __future__ import annotations

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

from segops_cli.errors import CliError, ExitCode, usage

_SIGN_IN: Final = "Sign in with `segops login`, or set SEGOPS_URL and SEGOPS_API_KEY."


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyLogin:
    """An API key, which names its tenant by itself."""

    url: str
    api_key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionLogin:
    """A user's session in one tenant. `expires_at` is in seconds since 1970."""

    url: str
    email: str
    tenant: int
    access_token: str
    refresh_token: str
    expires_at: float


Login = KeyLogin | SessionLogin


@dataclass(frozen=True, slots=True)
class LoginStore:
    """Keeps the login in `login.json`, with the mode 0600, in a folder with the mode 0700."""

    folder: Path

    @property
    def file(self) -> Path:
        """The file with the login."""
        return self.folder / "login.json"

    def read(self) -> Login:
        """Return the login. Raises CliError without one, or if others can read it."""
        try:
            mode = stat.S_IMODE(self.file.stat().st_mode)
            text = self.file.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise CliError("You are not signed in.", ExitCode.ACCESS, advice=_SIGN_IN) from None
        except (OSError, UnicodeDecodeError) as error:
            raise usage(f"{self.file} cannot be read: {error}", _SIGN_IN) from None
        if mode & 0o077:
            raise usage(f"{self.file} can be read by others (mode {mode:04o})", f"Run `chmod 600 {self.file}`.")
        return self._parsed(text)

    def write(self, login: Login) -> None:
        """Store the login in place of the one before. No reader sees half of it."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished = self.file.with_suffix(f".{os.getpid()}")
        kind = "key" if isinstance(login, KeyLogin) else "session"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            json.dump({"kind": kind, **asdict(login)}, stream)
        unfinished.replace(self.file)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other commands from changing the login meanwhile: a refresh token works once."""
        descriptor = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _parsed(self, text: str) -> Login:
        try:
            fields: dict[str, Any] = json.loads(text)
            kind = fields.pop("kind")
            return KeyLogin(**fields) if kind == "key" else SessionLogin(**fields)
        except (ValueError, TypeError, KeyError, AttributeError):
            raise usage(f"{self.file} is damaged", f"Delete it. {_SIGN_IN}") from None


def with_tokens(login: SessionLogin, tokens: dict[str, Any], now: float) -> SessionLogin:
    """Return the login with the tokens of a response."""
    return replace(
        login,
        access_token=tokens["access_token"],
        refresh_token=tokens["refresh_token"],
        expires_at=now + tokens["expires_in"],
    )
