"""Encrypts secrets that are stored, with a key derived from another secret (AES-256-GCM)."""

from __future__ import annotations

import hashlib
import hmac
import os
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES: Final = 12


class Sealer:
    """Seals and opens texts. `purpose` separates the derived key from other uses of the secret."""

    def __init__(self, *, secret: str, purpose: str) -> None:
        self._cipher = AESGCM(hmac.new(secret.encode(), f"seal:{purpose}".encode(), hashlib.sha256).digest())

    def seal(self, text: str, label: str) -> bytes:
        """Return the encrypted text. It opens with the same label only."""
        # A random nonce is safe for far more texts than there are signing keys.
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), label.encode())

    def open(self, sealed: bytes, label: str) -> str:
        """Return the text. Raises ValueError for another secret or label, or a changed text."""
        try:
            return self._cipher.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], label.encode()).decode()
        except InvalidTag as error:
            raise ValueError("the text was sealed with another secret, or has been changed") from error
