"""Encrypts the secrets of an installation under a passphrase: a key by scrypt (RFC 7914), then Fernet."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Mapping
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from segops_cli.errors import usage

LEAST_CHARACTERS: Final = 12
_COST: Final = 2**16
"""Takes 64 MiB, so that guesses are slow."""
_SALT_BYTES: Final = 16


def sealed(secrets: Mapping[str, str], passphrase: str) -> bytes:
    """Return the secrets, encrypted. Raises CliError for a passphrase that is too short."""
    if len(passphrase) < LEAST_CHARACTERS:
        raise usage(f"the passphrase must have at least {LEAST_CHARACTERS} characters")
    salt = os.urandom(_SALT_BYTES)
    return salt + Fernet(_key(passphrase, salt)).encrypt(json.dumps(dict(secrets)).encode())


def opened(data: bytes, passphrase: str) -> dict[str, str]:
    """Return the secrets. Raises CliError for another passphrase, or changed data."""
    salt, token = data[:_SALT_BYTES], data[_SALT_BYTES:]
    try:
        text = Fernet(_key(passphrase, salt)).decrypt(token)
    except InvalidToken:
        raise usage("the passphrase is not the one of this backup", "Nothing was restored.") from None
    secrets: dict[str, str] = json.loads(text)
    return secrets


def _key(passphrase: str, salt: bytes) -> bytes:
    key = Scrypt(salt=salt, length=32, n=_COST, r=8, p=1).derive(passphrase.encode())
    return base64.urlsafe_b64encode(key)
