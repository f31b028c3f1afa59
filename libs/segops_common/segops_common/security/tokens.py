"""Access tokens and session tokens: ES256 JWTs of one issuer, signed and verified here and nowhere else.

The audience tells them apart: an access token is a user's, a session token can only send events.

Only this module imports jose, so that another library can replace it. The library is lenient: it accepts tokens without
an expiry, unknown critical headers and keys of the wrong kind. Therefore the rules are spelled out here: a flat header
with the one algorithm, a key object that was built for its kid beforehand (never from the token), and every claim with
its exact type.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from jose import jwk, jws
from jose.backends.base import Key

from segops_common.core.clock import Clock
from segops_common.core.ids import Ids
from segops_common.core.problems import Unauthenticated
from segops_common.core.profile_ids import profile_id_fault
from segops_common.security.claims import AccessToken, SessionToken, Token, of_user

ALGORITHM = "ES256"
CURVE = "P-256"
ISSUER = "segops"
AUDIENCE = "segops"
SESSION_AUDIENCE = "segops-ingestion"
TYPE = "at+jwt"
MAX_TOKEN_BYTES = 4096
MAX_ID = 2**63 - 1
# The clocks of two machines may differ by this much.
MAX_SKEW_S = 30
_HEADER_NAMES = {"alg", "kid", "typ"}
_SEGMENT = r"[A-Za-z0-9_-]"
_TOKEN = re.compile(rf"{_SEGMENT}{{1,512}}\.{_SEGMENT}+\.{_SEGMENT}{{86}}", re.ASCII)
_KID = re.compile(rf"{_SEGMENT}{{43}}", re.ASCII)
_KEY_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_ID = re.compile(r"[1-9][0-9]{0,18}", re.ASCII)

Jwk = Mapping[str, str]


class UnknownSigningKey(Unauthenticated):
    """The token is signed with a key that is not available here."""


class TokenSigner:
    """Signs with one private key. Its public key is in `jwk`."""

    def __init__(self, *, private_key_pem: str, clock: Clock, ids: Ids, lifetime_s: int) -> None:
        """Raise ValueError when the text is not a P-256 private key in PEM."""
        # Built once: parsing the text for each token is slow.
        self._key = _private_key(private_key_pem)
        self._clock = clock
        self._ids = ids
        self.lifetime_s = lifetime_s
        self.jwk: Jwk = _public_jwk(self._key)

    def sign(self, user_id: int, session_id: int) -> str:
        """Return an access token for the user's session. It expires in `lifetime_s`, or when the session ends."""
        claims = {"aud": AUDIENCE, "sub": str(user_id), "sid": str(session_id)}
        return self._signed(claims, int(self._clock.now().timestamp()) + self.lifetime_s)

    def sign_session(self, session: SessionToken) -> str:
        """Return a session token with these claims."""
        claims = {
            "aud": SESSION_AUDIENCE,
            "sub": session.uid,
            "anonymous": session.is_anonymous,
            "checked": session.was_checked,
            "key": session.key_hash,
        }
        return self._signed(claims, session.expires_at_s)

    def _signed(self, claims: Mapping[str, Any], expires_at_s: int) -> str:
        common = {
            "iss": ISSUER,
            "iat": int(self._clock.now().timestamp()),
            "exp": expires_at_s,
            "jti": self._ids.uuid7(),
        }
        # The library would escape what is not ASCII, and the token of a long id would exceed MAX_TOKEN_BYTES.
        payload = orjson.dumps(common | dict(claims))
        return jws.sign(payload, self._key, {"kid": self.jwk["kid"], "typ": TYPE}, ALGORITHM)


class TokenVerifier:
    """Verifies tokens with the public keys of one JWKS, and fetches no others."""

    def __init__(self, *, jwks: Iterable[Jwk], clock: Clock) -> None:
        """Raise ValueError when a key is not a P-256 public key."""
        self._keys = {thumbprint(entry): _public_key(entry) for entry in jwks}
        self._clock = clock

    def verify(self, token: str) -> AccessToken:
        """Return the claims of an access token. Raises UnknownSigningKey, or Unauthenticated for any other reason."""
        return of_user(self.read(token))

    def read(self, token: str) -> Token:
        """Return the claims of a token of either kind. Raises as `verify`."""
        try:
            kid = _checked_kid(token)
            if kid not in self._keys:
                raise UnknownSigningKey(
                    "The access token is not valid: refresh it or sign in again.", slug="invalid-token"
                )
            payload = jws.verify(token, self._keys[kid], algorithms=[ALGORITHM])
            return self._checked_claims(_strict_object(payload))
        except Unauthenticated:
            raise
        # On hostile input the library also raises errors of other kinds, such as RecursionError.
        except Exception as error:
            raise _invalid() from error

    def _checked_claims(self, claims: Mapping[str, Any]) -> Token:
        if claims.get("iss") != ISSUER:
            raise _invalid()
        audience = claims.get("aud")
        if audience == AUDIENCE:
            expires_at_s = self._checked_times(claims, "The access token has expired: refresh it.")
            session_id = _id(claims["sid"]) if "sid" in claims else None
            return AccessToken(user_id=_id(claims.get("sub")), session_id=session_id, expires_at_s=expires_at_s)
        if audience == SESSION_AUDIENCE:
            return _session(claims, self._checked_times(claims, "The session has expired: begin another one."))
        raise _invalid()

    def _checked_times(self, claims: Mapping[str, Any], when_expired: str) -> int:
        """Return when the token expires. Raises Unauthenticated unless it is valid now."""
        now_s = self._clock.now().timestamp()
        issued_s, expires_s, not_before_s = (_seconds(claims, name) for name in ("iat", "exp", "nbf"))
        if issued_s is None or expires_s is None or issued_s > now_s + MAX_SKEW_S:
            raise _invalid()
        if not_before_s is not None and not_before_s > now_s + MAX_SKEW_S:
            raise _invalid()
        if expires_s <= now_s:
            raise Unauthenticated(when_expired, slug="token-expired")
        return expires_s


def new_private_key() -> str:
    """Return a new P-256 private key in PEM."""
    pem = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return pem.decode()


def thumbprint(entry: Jwk) -> str:
    """Return the key id of RFC 7638: SHA-256 over the members that define the key."""
    members = {name: entry[name] for name in ("crv", "kty", "x", "y")}
    digest = hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _checked_kid(token: str) -> str:
    if len(token) > MAX_TOKEN_BYTES or _TOKEN.fullmatch(token) is None:
        raise _invalid()
    segment = token.split(".", 1)[0]
    header = _strict_object(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    if set(header) != _HEADER_NAMES or header["alg"] != ALGORITHM or header["typ"] != TYPE:
        raise _invalid()
    kid = header["kid"]
    if not isinstance(kid, str) or _KID.fullmatch(kid) is None:
        raise _invalid()
    return kid


def _strict_object(raw: bytes) -> dict[str, Any]:
    """Return a JSON object without duplicate names. The first parser refuses NaN, deep nesting and invalid UTF-8."""
    if not isinstance(orjson.loads(raw), dict):
        raise _invalid()
    value: dict[str, Any] = json.loads(raw, object_pairs_hook=_without_duplicates)
    return value


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise _invalid()
    return value


def _seconds(claims: Mapping[str, Any], name: str) -> int | None:
    value = claims.get(name)
    if name in claims and type(value) is not int:
        raise _invalid()
    return value


def _id(value: object) -> int:
    if not isinstance(value, str) or _ID.fullmatch(value) is None or int(value) > MAX_ID:
        raise _invalid()
    return int(value)


def _session(claims: Mapping[str, Any], expires_at_s: int) -> SessionToken:
    uid, key_hash = claims.get("sub"), claims.get("key")
    is_anonymous, was_checked = claims.get("anonymous"), claims.get("checked")
    if profile_id_fault(uid) is not None or type(is_anonymous) is not bool or type(was_checked) is not bool:
        raise _invalid()
    if type(key_hash) is not str or _KEY_HASH.fullmatch(key_hash) is None:
        raise _invalid()
    return SessionToken(
        uid=str(uid),
        is_anonymous=is_anonymous,
        was_checked=was_checked,
        key_hash=key_hash,
        expires_at_s=expires_at_s,
    )


def _invalid() -> Unauthenticated:
    return Unauthenticated("The access token is not valid: refresh it or sign in again.", slug="invalid-token")


def _private_key(pem: str) -> Key:
    try:
        key = jwk.construct(pem, ALGORITHM)
        members = key.to_dict()
        usable = "d" in members and members["crv"] == CURVE
    except Exception as error:
        raise ValueError("the signing key is not an EC private key in PEM") from error
    if not usable:
        raise ValueError("the signing key is not a P-256 private key")
    return key


def _public_jwk(key: Key) -> Jwk:
    members = {name: str(key.public_key().to_dict()[name]) for name in ("kty", "crv", "x", "y")}
    return members | {"kid": thumbprint(members), "alg": ALGORITHM, "use": "sig"}


def _public_key(entry: Jwk) -> Key:
    try:
        if entry["kty"] != "EC" or entry["crv"] != CURVE:
            raise ValueError("not a P-256 key")
        return jwk.construct({name: entry[name] for name in ("kty", "crv", "x", "y")}, ALGORITHM)
    except Exception as error:
        raise ValueError("the key set contains a key that is not a P-256 public key") from error
