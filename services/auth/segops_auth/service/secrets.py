"""Random secrets that are handed out once and stored only as hashes."""

from __future__ import annotations

import base64
import hashlib
import hmac

from segops_common.core.ids import Ids
from segops_common.security import api_keys
from segops_common.security.permissions import KeyKind

_SECRET_BYTES = 32


class Secrets:
    """Makes and hashes secrets. Hashes depend on the installation's pepper."""

    def __init__(self, *, pepper: str, ids: Ids) -> None:
        self._pepper = pepper
        self._ids = ids

    def new_api_key(self, kind: KeyKind, *, is_test: bool) -> str:
        """Return the secret of a new API key."""
        return api_keys.new_key(kind, self._ids, is_test=is_test)

    def new_token(self) -> str:
        """Return 256 random bits as text, for a refresh token or an invite."""
        return self._ids.token(_SECRET_BYTES)

    def hash(self, secret: str) -> str:
        """Return the hash to store."""
        return api_keys.hash_key(self._pepper, secret)

    def successor(self, refresh_token: str) -> str:
        """Return the token that follows this one: always the same, and unpredictable without the pepper.

        A client that lost a response can therefore get the same token again, although only hashes are stored.
        """
        digest = hmac.new(
            self._pepper.encode(), b"refresh-successor:" + refresh_token.encode(), hashlib.sha256
        ).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
