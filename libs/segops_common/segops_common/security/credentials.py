"""Reads the Authorization header, and says what is wrong with a credential that was sent in another way.

No message contains what was sent.
"""

from __future__ import annotations

import base64
import re
from typing import Final

from segops_common.core.problems import Unauthenticated
from segops_common.security.api_keys import looks_valid

MAX_HEADER_CHARS: Final = 8192
OTHER_KEY_HEADERS: Final = ("x-api-key", "api-key", "apikey")
"""Headers in which other products expect an API key."""

_KEY_LIKE = re.compile(r"[sp]k_(?:live|test)_[0-9A-Za-z]+", re.ASCII)
_TOKEN_LIKE = re.compile(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", re.ASCII)
_LIKE_KEY = "This looks like an API key: send it as `Authorization: ApiKey …`."
_LIKE_TOKEN = "This looks like an access token: send it as `Authorization: Bearer …`."
_ALONE = "must be sent alone, without quotes, spaces or line breaks"
_BASIC = (
    "Basic authentication is not supported: send `Authorization: ApiKey <key>`, or sign in and send "
    "`Authorization: Bearer <access token>`."
)
_USUAL = "`Authorization` must be `Bearer <access token>` or `ApiKey <key>`."
_SLUGS = {"bearer": "invalid-token", "apikey": "invalid-api-key"}


def split_authorization(authorization: str | None) -> tuple[str, str]:
    """Return the header's scheme, in lower case, and its credential.

    Raises Unauthenticated without a credential, and for one that was sent wrongly; the detail says how to send it.
    """
    if not authorization or len(authorization) > MAX_HEADER_CHARS:
        raise Unauthenticated(_USUAL)
    scheme, _, credential = authorization.partition(" ")
    scheme, credential = scheme.lower(), credential.strip(" ")
    if scheme in _SLUGS and credential:
        advice = _advice_on_key(credential) if scheme == "apikey" else _advice_on_token(credential)
        if advice is None:
            return scheme, credential
        raise Unauthenticated(advice, slug=_SLUGS[scheme])
    raise Unauthenticated(_advice_on_scheme(scheme, credential, authorization))


def key_in_other_header() -> Unauthenticated:
    """Return the refusal of a request whose key is in one of OTHER_KEY_HEADERS."""
    return Unauthenticated("An API key must be sent as `Authorization: ApiKey …`, not in a header of its own.")


def invalid_credential(scheme: str) -> Unauthenticated:
    """Return the same error for every invalid credential of that scheme."""
    if scheme == "apikey":
        return Unauthenticated("The API key is unknown or revoked.", slug="invalid-api-key")
    return Unauthenticated("The access token is not valid: refresh it or sign in again.", slug="invalid-token")


def find_key(header: str) -> str | None:
    """Return the API key in a header or a text, however it was sent, if it is complete and spelled correctly."""
    scheme, _, credential = header[:MAX_HEADER_CHARS].partition(" ")
    text = _decoded(credential) if scheme.lower() == "basic" else header[:MAX_HEADER_CHARS]
    key = _KEY_LIKE.search(text)
    return key[0] if key is not None and looks_valid(key[0]) else None


def _advice_on_key(credential: str) -> str | None:
    """Return what is wrong with the credential of `ApiKey`, or None for one to look up."""
    key = _KEY_LIKE.search(credential)
    if key is None:
        return _LIKE_TOKEN if _TOKEN_LIKE.search(credential) else None
    if not looks_valid(key[0]):
        return "The API key must be complete and spelled correctly: copy it again."
    return None if key[0] == credential else f"The API key {_ALONE}: `Authorization: ApiKey …`."


def _advice_on_token(credential: str) -> str | None:
    """Return what is wrong with the credential of `Bearer`, or None for one to verify."""
    if _KEY_LIKE.search(credential):
        return _LIKE_KEY
    token = _TOKEN_LIKE.search(credential)
    if token is None or token[0] == credential:
        return None
    return f"The access token {_ALONE}: `Authorization: Bearer …`."


def _advice_on_scheme(scheme: str, credential: str, header: str) -> str:
    text = _decoded(credential) if scheme == "basic" else header
    if _KEY_LIKE.search(text):
        return _LIKE_KEY
    if _TOKEN_LIKE.search(text):
        return _LIKE_TOKEN
    return _BASIC if scheme == "basic" else _USUAL


def _decoded(credential: str) -> str:
    try:
        return base64.b64decode(credential, validate=True).decode("latin-1")
    except ValueError:
        return ""
