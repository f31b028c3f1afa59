"""What tokens say, once they are verified."""

from __future__ import annotations

from dataclasses import dataclass

from segops_common.core.problems import Unauthenticated


@dataclass(frozen=True, slots=True)
class AccessToken:
    """The claims of a verified token."""

    user_id: int
    session_id: int | None
    """The session that the token belongs to. None in tokens of versions that did not name it."""
    expires_at_s: int
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionToken:
    """The claims of a verified session token: events may be sent with it, for one user or visitor."""

    uid: str
    """The id of the user, or of the visitor if `is_anonymous`."""
    is_anonymous: bool
    was_checked: bool
    """Whether the key required signed user ids when the session began."""
    key_hash: str
    """The hash of the publishable key that began the session."""
    expires_at_s: int
    """Seconds since 1970."""


Token = AccessToken | SessionToken


def of_user(token: Token) -> AccessToken:
    """Return the access token. Raises Unauthenticated for a session token."""
    if isinstance(token, SessionToken):
        raise Unauthenticated(
            "This is a session token, which can only send events: sign in, and send an access token.",
            slug="invalid-token",
        )
    return token
