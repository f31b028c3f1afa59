"""Random secrets that are handed out once and stored only as hashes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime

from segops_common.core.ids import Ids
from segops_common.security import api_keys
from segops_common.security.permissions import KeyKind

_SECRET_BYTES = 32
_DEVICE_BYTES = 16


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

    def user_id_secret(self, key_hash: str, since: datetime) -> str:
        """Return the secret, in hexadecimal, that signs user ids for a key that has required it since then.

        It is derived, so nothing of it is stored. A rotated key has another one, and so has a key that requires
        signatures again after a break.
        """
        purpose = f"user-id-signing:{key_hash}:{since.astimezone(UTC).isoformat()}"
        return hmac.new(self._pepper.encode(), purpose.encode(), hashlib.sha256).hexdigest()

    def device_cookie(self, email: str, at: datetime) -> str:
        """Return `<device id>.<time of issue>.<signature>`. It works for this account only."""
        claims = f"{self._ids.token(_DEVICE_BYTES)}.{int(at.timestamp())}"
        return f"{claims}.{self._device_signature(email, claims)}"

    def device_of(self, email: str, cookie: str, issued_after: datetime) -> str | None:
        """Return the device id of a cookie that was issued for this account after that time, else None."""
        claims, _, signature = cookie.rpartition(".")
        expected = self._device_signature(email, claims)
        if not hmac.compare_digest(signature.encode(), expected.encode()):
            return None
        device, _, issued_s = claims.partition(".")
        return device if int(issued_s) > issued_after.timestamp() else None

    def _device_signature(self, email: str, claims: str) -> str:
        return hmac.new(self._pepper.encode(), f"device:{email}:{claims}".encode(), hashlib.sha256).hexdigest()

    def successor(self, refresh_token: str) -> str:
        """Return the token that follows this one: always the same, and unpredictable without the pepper.

        A client that lost a response can therefore get the same token again, although only hashes are stored.
        """
        digest = hmac.new(
            self._pepper.encode(), b"refresh-successor:" + refresh_token.encode(), hashlib.sha256
        ).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")
