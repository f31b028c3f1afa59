"""Passwords and keys of a stack: generated once, readable by their owner only, never replaced while there is data."""

import json
import os
import secrets
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from segops_local.errors import LocalError
from segops_local.state.plain_files import open_folder

_LEAST_CHARACTERS = 32


def write_private(file: Path, text: str) -> None:
    """Write a file that only its owner can read. It appears whole or not at all. Raises LocalError when its folder is a link."""
    unfinished = file.name + ".new"
    with open_folder(file.parent) as folder:
        with suppress(FileNotFoundError):
            os.unlink(unfinished, dir_fd=folder)
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600, dir_fd=folder)
        with os.fdopen(descriptor, "w") as handle:
            handle.write(text + "\n")
        os.rename(unfinished, file.name, src_dir_fd=folder, dst_dir_fd=folder)


def kept_secret(file: Path, make: Callable[[], str], *, in_use: bool, ending: str = "") -> str:
    """Return the text of a secret. It is generated only while nothing depends on it, which `in_use` says.

    Raises LocalError for one that is missing although it is in use, cannot be read, is short, or has no such ending.
    """
    if not file.exists():
        if in_use:
            raise LocalError(_refusal(file, "is missing, and the data depend on it"))
        write_private(file, make())
    try:
        text = file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text"
        raise LocalError(_refusal(file, f"cannot be read ({reason})")) from error
    if len(text) < _LEAST_CHARACTERS or not text.endswith(ending):
        raise LocalError(_refusal(file, "is damaged"))
    return text


def kept_passwords(file: Path, names: Iterable[str], *, in_use: bool) -> Mapping[str, str]:
    """Return a password for each name, kept as JSON in one file. A name that is not there yet gets one.

    Raises LocalError like `kept_secret`.
    """
    text = kept_secret(file, lambda: json.dumps({name: _new_password() for name in names}), in_use=in_use)
    try:
        passwords = {str(name): str(password) for name, password in json.loads(text).items()}
    except (ValueError, AttributeError):
        raise LocalError(_refusal(file, "is damaged")) from None
    new = {name: _new_password() for name in names if name not in passwords}
    if new:
        write_private(file, json.dumps(passwords | new))
    return passwords | new


def _new_password() -> str:
    return secrets.token_urlsafe(24)


def _refusal(file: Path, what: str) -> str:
    return f"The secret {file} {what}: restore it from a backup, or delete all data with `make reset`."
