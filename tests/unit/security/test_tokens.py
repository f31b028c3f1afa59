"""Access tokens: what is signed here is taken, and everything else is refused as Unauthenticated."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from segops_common.core.ids import SystemIds
from segops_common.core.problems import Unauthenticated
from segops_common.core.profile_ids import MAX_PROFILE_ID_CHARS
from segops_common.security.claims import SessionToken
from segops_common.security.tokens import MAX_TOKEN_BYTES, TokenSigner, TokenVerifier, UnknownSigningKey, thumbprint
from segops_testkit.clock import ManualClock
from tests.unit.security.keys import new_private_key, pem_of

NOW = datetime(2026, 1, 31, 9, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
KEY = ec.generate_private_key(ec.SECP256R1())
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
Json = dict[str, Any]


def signer(pem: str, clock: ManualClock) -> TokenSigner:
    return TokenSigner(private_key_pem=pem, clock=clock, ids=SystemIds(clock), lifetime_s=900)


def fresh_clock() -> ManualClock:
    return ManualClock(NOW)


JWK = dict(signer(pem_of(KEY), fresh_clock()).jwk)
HEADER: Json = {"alg": "ES256", "kid": JWK["kid"], "typ": "at+jwt"}
CLAIMS: Json = {"iss": "segops", "aud": "segops", "sub": "7", "iat": NOW_S, "exp": NOW_S + 900, "jti": "1"}

SESSION = SessionToken(
    uid="ada", is_anonymous=False, was_checked=True, key_hash="0123456789abcdef" * 4, expires_at_s=NOW_S + 900
)
SESSION_CLAIMS: Json = CLAIMS | {
    "aud": "segops-ingestion",
    "sub": "ada",
    "anonymous": False,
    "checked": True,
    "key": SESSION.key_hash,
}


def verifier(clock: ManualClock | None = None) -> TokenVerifier:
    return TokenVerifier(jwks=[JWK], clock=clock or fresh_clock())


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).decode().rstrip("=")


def es256(signed: bytes, key: ec.EllipticCurvePrivateKey = KEY) -> bytes:
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def token(
    header: Json | str, claims: Json | str, sign: Callable[[bytes], bytes] = es256, *, signature: bytes | None = None
) -> str:
    """A token of exactly these parts; text is taken as it is."""
    head, body = (part if isinstance(part, str) else json.dumps(part) for part in (header, claims))
    signed = f"{encoded(head.encode())}.{encoded(body.encode())}"
    return f"{signed}.{encoded(sign(signed.encode()) if signature is None else signature)}"


def hs256(secret: bytes) -> Callable[[bytes], bytes]:
    return lambda signed: hmac.new(secret, signed, hashlib.sha256).digest() * 2


def public(form: serialization.Encoding, of: serialization.PublicFormat) -> bytes:
    return KEY.public_key().public_bytes(form, of)


PEM = public(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
DER = public(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
BARE = b"".join(PEM.splitlines()[1:-1])
POINT = public(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
NESTED = "[" * 1500 + "]" * 1500
HS256 = HEADER | {"alg": "HS256"}

BAD: dict[str, str] = {
    "empty": "",
    "two parts": token(HEADER, CLAIMS).rsplit(".", 1)[0],
    "four parts": token(HEADER, CLAIMS) + ".x",
    "padded": token(HEADER, CLAIMS) + "=",
    "line break": token(HEADER, CLAIMS) + "\n",
    "not ASCII": token(HEADER, CLAIMS) + "é",
    "alg none, no signature": token(HEADER | {"alg": "none"}, CLAIMS, signature=b""),
    "alg none, signed": token(HEADER | {"alg": "none"}, CLAIMS),
    "alg nOnE": token(HEADER | {"alg": "nOnE"}, CLAIMS),
    "no alg": token({"kid": JWK["kid"], "typ": "at+jwt"}, CLAIMS),
    "HS256 with the PEM": token(HS256, CLAIMS, hs256(PEM)),
    "HS256 with the DER": token(HS256, CLAIMS, hs256(DER)),
    "HS256 with the bare PEM body": token(HS256, CLAIMS, hs256(BARE)),
    "HS256 with the point": token(HS256, CLAIMS, hs256(POINT)),
    "HS256 with nothing": token(HS256, CLAIMS, hs256(b"")),
    "ES256 said, HS256 done": token(HEADER, CLAIMS, hs256(PEM)),
    "ES384": token(HEADER | {"alg": "ES384"}, CLAIMS),
    "RS256": token(HEADER | {"alg": "RS256"}, CLAIMS),
    "alg of two": token(HEADER | {"alg": ["ES256", "none"]}, CLAIMS),
    "signed by another key": token(HEADER, CLAIMS, lambda signed: es256(signed, OTHER_KEY)),
    "signature of zeros": token(HEADER, CLAIMS, signature=bytes(64)),
    "claims of another token": ".".join(
        [token(HEADER, CLAIMS).split(".")[0], encoded(b'{"sub":"8"}'), token(HEADER, CLAIMS).split(".")[2]]
    ),
    "no kid": token({"alg": "ES256", "typ": "at+jwt"}, CLAIMS),
    "kid is a path": token(HEADER | {"kid": "../../../../../../../../../../../etc/passwd"}, CLAIMS),
    "kid is SQL": token(HEADER | {"kid": "' UNION SELECT 'secret' --"}, CLAIMS),
    "kid is a number": token(HEADER | {"kid": 1}, CLAIMS),
    "jku": token(HEADER | {"jku": "https://evil.example/jwks.json"}, CLAIMS),
    "x5u": token(HEADER | {"x5u": "https://evil.example/cert.pem"}, CLAIMS),
    "jwk in the header": token(HEADER | {"jwk": JWK}, CLAIMS),
    "crit": token(HEADER | {"crit": ["exp"]}, CLAIMS),
    "b64": token(HEADER | {"b64": False}, CLAIMS),
    "typ JWT": token(HEADER | {"typ": "JWT"}, CLAIMS),
    "no typ": token({"alg": "ES256", "kid": JWK["kid"]}, CLAIMS),
    "header is a list": token("[]", CLAIMS),
    "header is no JSON": token("{", CLAIMS),
    "header holds NaN": token('{"alg":NaN,"kid":"x","typ":"at+jwt"}', CLAIMS),
    "duplicate alg": token(f'{{"alg":"none","alg":"ES256","kid":"{JWK["kid"]}","typ":"at+jwt"}}', CLAIMS),
    "nested duplicate": token(
        f'{{"alg":{"[" * 80 + "]" * 80},"alg":"ES256","kid":"{JWK["kid"]}","typ":"at+jwt"}}', CLAIMS
    ),
    "nested header": f"{encoded(NESTED.encode())}.{encoded(b'{}')}.{encoded(bytes(64))}",
    "claims nested": token(HEADER, '{"a":' + "[" * 1000 + "]" * 1000 + "}"),
    "too long": token(HEADER, CLAIMS | {"jti": "x" * MAX_TOKEN_BYTES}),
    "claims are a list": token(HEADER, "[]"),
    "claims are no JSON": token(HEADER, "7"),
    "no iss": token(HEADER, {name: value for name, value in CLAIMS.items() if name != "iss"}),
    "iss of another": token(HEADER, CLAIMS | {"iss": "evil"}),
    "no aud": token(HEADER, {name: value for name, value in CLAIMS.items() if name != "aud"}),
    "aud of another": token(HEADER, CLAIMS | {"aud": "other"}),
    "aud is a list": token(HEADER, CLAIMS | {"aud": ["segops", "other"]}),
    "no exp": token(HEADER, {name: value for name, value in CLAIMS.items() if name != "exp"}),
    "exp null": token(HEADER, CLAIMS | {"exp": None}),
    "exp as text": token(HEADER, CLAIMS | {"exp": str(NOW_S + 900)}),
    "exp as fraction": token(HEADER, CLAIMS | {"exp": NOW_S + 900.5}),
    "exp true": token(HEADER, CLAIMS | {"exp": True}),
    "exp 400 digits": token(HEADER, json.dumps(CLAIMS).replace(str(NOW_S + 900), "9" * 400)),
    "no iat": token(HEADER, {name: value for name, value in CLAIMS.items() if name != "iat"}),
    "iat in the future": token(HEADER, CLAIMS | {"iat": NOW_S + 600}),
    "nbf in the future": token(HEADER, CLAIMS | {"nbf": NOW_S + 600}),
    "nbf as text": token(HEADER, CLAIMS | {"nbf": "0"}),
    "no sub": token(HEADER, {name: value for name, value in CLAIMS.items() if name != "sub"}),
    "sub is a number": token(HEADER, CLAIMS | {"sub": 7}),
    "sub zero": token(HEADER, CLAIMS | {"sub": "0"}),
    "sub negative": token(HEADER, CLAIMS | {"sub": "-7"}),
    "sub in other digits": token(HEADER, CLAIMS | {"sub": "\u0667"}),
    "sub beyond 64 bits": token(HEADER, CLAIMS | {"sub": "9" * 19}),
    "sub with a line break": token(HEADER, CLAIMS | {"sub": "7\n"}),
    "sid is a number": token(HEADER, CLAIMS | {"sid": 7}),
    "sid null": token(HEADER, CLAIMS | {"sid": None}),
    "sid zero": token(HEADER, CLAIMS | {"sid": "0"}),
    "duplicate sub": token(HEADER, json.dumps(CLAIMS)[:-1] + ', "sub": "8"}'),
}


def test_what_is_signed_is_verified() -> None:
    clock = fresh_clock()
    token = verifier(clock).verify(signer(pem_of(KEY), clock).sign(7, 3))
    assert (token.user_id, token.session_id, token.expires_at_s) == (7, 3, NOW_S + 900)


def test_a_token_of_a_version_without_sessions_is_verified() -> None:
    assert verifier().verify(token(HEADER, CLAIMS)).session_id is None


def test_the_table_starts_from_a_good_token() -> None:
    assert verifier().verify(token(HEADER, CLAIMS)).user_id == 7


@pytest.mark.parametrize("name", BAD)
def test_a_bad_token_is_refused(name: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        verifier().verify(BAD[name])
    assert refused.value.slug == "invalid-token"
    assert not isinstance(refused.value, UnknownSigningKey), "a malformed token must not cause a fetch of keys"


def test_a_session_token_is_verified_and_is_no_access_token() -> None:
    clock = fresh_clock()
    text = signer(pem_of(KEY), clock).sign_session(SESSION)
    assert verifier(clock).read(text) == SESSION
    with pytest.raises(Unauthenticated) as refused:
        verifier(clock).verify(text)
    assert refused.value.slug == "invalid-token"
    assert "session token" in refused.value.detail


def test_an_access_token_is_no_session_token() -> None:
    assert verifier().read(token(HEADER, CLAIMS)) == verifier().verify(token(HEADER, CLAIMS))


def test_the_token_of_the_longest_id_is_not_too_long() -> None:
    clock = fresh_clock()
    longest = replace(SESSION, uid="\U0001f600" * MAX_PROFILE_ID_CHARS)
    text = signer(pem_of(KEY), clock).sign_session(longest)
    assert len(text) <= MAX_TOKEN_BYTES
    assert verifier(clock).read(text) == longest


@pytest.mark.parametrize(
    "change",
    [
        {"sub": ""},
        {"sub": 7},
        {"sub": None},
        {"sub": " "},
        {"sub": "x" * (MAX_PROFILE_ID_CHARS + 1)},
        {"sub": "a\0b"},
        {"anonymous": None},
        {"anonymous": 1},
        {"checked": "true"},
        {"checked": None},
        {"key": "0" * 63},
        {"key": "G" * 64},
        {"key": None},
        {"key": 7},
        {"aud": "segops-ingestion2"},
        {"aud": ["segops", "segops-ingestion"]},
        {"iat": NOW_S + 600},
    ],
)
def test_a_bad_session_token_is_refused(change: Json) -> None:
    assert verifier().read(token(HEADER, SESSION_CLAIMS)) == SESSION
    with pytest.raises(Unauthenticated) as refused:
        verifier().read(token(HEADER, SESSION_CLAIMS | change))
    assert refused.value.slug == "invalid-token"


def test_a_session_token_expires() -> None:
    clock = fresh_clock()
    clock.advance(900)
    with pytest.raises(Unauthenticated) as refused:
        verifier(clock).read(token(HEADER, SESSION_CLAIMS))
    assert refused.value.slug == "token-expired"


def test_no_prefix_of_a_good_token_passes() -> None:
    good = token(HEADER, CLAIMS)
    for length in range(len(good)):
        with pytest.raises(Unauthenticated):
            verifier().verify(good[:length])


def test_a_well_formed_unknown_key_is_told_apart() -> None:
    with pytest.raises(UnknownSigningKey):
        TokenVerifier(jwks=[], clock=fresh_clock()).verify(token(HEADER, CLAIMS))


def test_an_expired_token_says_so_to_the_second() -> None:
    clock = fresh_clock()
    good = signer(pem_of(KEY), clock).sign(7, 3)
    clock.advance(899)
    verifier(clock).verify(good)
    clock.advance(1)
    with pytest.raises(Unauthenticated) as refused:
        verifier(clock).verify(good)
    assert refused.value.slug == "token-expired"


def test_clocks_may_differ_a_little() -> None:
    verifier().verify(token(HEADER, CLAIMS | {"iat": NOW_S + 25}))


def test_the_thumbprint_is_that_of_rfc_7638() -> None:
    assert JWK["kid"] == thumbprint(JWK)
    members = '{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}' % (JWK["x"], JWK["y"])  # noqa: UP031
    assert JWK["kid"] == encoded(hashlib.sha256(members.encode()).digest())


def test_the_public_key_holds_nothing_private() -> None:
    assert set(JWK) == {"kty", "crv", "x", "y", "kid", "alg", "use"}


@pytest.mark.parametrize(
    "pem", ["", "secret", new_private_key(ec.SECP384R1()), PEM.decode(), PEM.decode().replace("PUBLIC", "PRIVATE")]
)
def test_only_a_private_key_of_the_curve_signs(pem: str) -> None:
    with pytest.raises(ValueError, match="signing key"):
        signer(pem, fresh_clock())


@pytest.mark.parametrize(
    "change", [{"kty": "oct"}, {"crv": "P-384"}, {"x": "AAAA"}, {"x": JWK["y"], "y": JWK["x"]}, {"y": "?"}]
)
def test_only_a_public_key_of_the_curve_verifies(change: Json) -> None:
    with pytest.raises(ValueError):
        TokenVerifier(jwks=[JWK | change], clock=fresh_clock())
