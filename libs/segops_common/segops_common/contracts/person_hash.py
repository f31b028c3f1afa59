"""Keyed hashes of people's ids: what is left of a person who was erased.

Without the key, nobody can tell whose hash it is, not even by trying ids.
"""

from __future__ import annotations

import hmac
from typing import Final

_BYTES: Final = 16
_CHECKED: Final = b"the key of suppressions"


class PersonHash:
    """Hashes ids with the key of the installation, SEGOPS_SUPPRESSION_KEY."""

    def __init__(self, *, key: str) -> None:
        self._key = key.encode()

    def of(self, tenant_id: int, user_id: str) -> str:
        """Return 32 hexadecimal digits: the first half of an HMAC-SHA-256. Tenants with the same id have different ones."""
        return self._digest(b"%d\n%s" % (tenant_id, user_id.encode(errors="surrogatepass")))

    @property
    def key_id(self) -> str:
        """Digits that tell two keys apart, and say nothing about either."""
        return self._digest(_CHECKED)

    def _digest(self, text: bytes) -> str:
        return hmac.digest(self._key, text, "sha256")[:_BYTES].hex()
