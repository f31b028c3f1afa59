"""Signed user ids: a server proves to a page's session which user is signed in.

The signature is HMAC-SHA256 over `<user id>|<Unix seconds>` in UTF-8, in hexadecimal.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from segops_common.core.problems import Fault, Forbidden, ValidationFailed
from segops_common.core.profile_ids import ANONYMOUS_PREFIX, MAX_PROFILE_ID_CHARS, signed_visitor_id

MAX_AGE_S: Final = 300
"""How far the time of a signature may be from now, in the past and in the future."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """Who a page says is using it, and its proof."""

    user_id: str | None = None
    anonymous_id: str | None = None
    signature: str | None = None
    signed_at_s: int | None = None
    """Unix seconds."""


def signature_of(secret_hex: str, user_id: str, signed_at_s: int) -> str:
    """Return the signature in lower-case hexadecimal."""
    return hmac.new(bytes.fromhex(secret_hex), f"{user_id}|{signed_at_s}".encode(), hashlib.sha256).hexdigest()


def check_signature(user_id: str, claim: Claim, secrets_hex: Iterable[str], now: datetime) -> None:
    """Raise Forbidden unless the user id was signed with one of the secrets, at most MAX_AGE_S from now."""
    if claim.signature is None or claim.signed_at_s is None:
        raise Forbidden(
            "This key requires signed user ids: send `user_id`, `user_id_sig` and `user_id_ts` as your server signed "
            "them, or `anonymous_id` alone.",
            slug="signature-missing",
        )
    sent = claim.signature.lower().encode()
    # Every secret is compared, so that the time does not tell which one matched.
    matches = [
        hmac.compare_digest(signature_of(secret, user_id, claim.signed_at_s).encode(), sent) for secret in secrets_hex
    ]
    if not any(matches):
        raise Forbidden(
            "`user_id_sig` must be the HMAC-SHA256 of `<user_id>|<user_id_ts>` with the key's `hmac_secret`.",
            slug="signature-invalid",
        )
    age_s = int(now.timestamp()) - claim.signed_at_s
    if age_s > MAX_AGE_S:
        raise Forbidden(
            f"`user_id_ts` must be at most {MAX_AGE_S} seconds ago: sign the user id again.", slug="signature-expired"
        )
    if age_s < -MAX_AGE_S:
        raise Forbidden(
            f"`user_id_ts` must be at most {MAX_AGE_S} seconds ahead: check the clock of the server that signs.",
            slug="signature-in-future",
        )


def visitor_id(anonymous_id: str) -> str:
    """Return the id under which the events of a visitor are stored. Raises ValidationFailed if it would be too long."""
    uid = signed_visitor_id(anonymous_id)
    if len(uid) > MAX_PROFILE_ID_CHARS:
        detail = f"must have at most {MAX_PROFILE_ID_CHARS - len(ANONYMOUS_PREFIX)} characters"
        raise ValidationFailed(
            "`anonymous_id` must be shorter: see `errors`.", errors=[Fault("anonymous_id", "wrong-length", detail)]
        )
    return uid
