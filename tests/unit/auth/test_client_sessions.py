"""Client sessions: who gets a token, for which id, how long, and which signature they need."""

from __future__ import annotations

import hashlib
import hmac
from datetime import timedelta

import pytest

from segops_auth.domain.signed_user_id import MAX_AGE_S, Claim
from segops_auth.domain.values import ApiKey
from segops_auth.service.client_sessions import ClientSession
from segops_common.core.problems import Problem, ValidationFailed
from segops_common.core.profile_ids import ANONYMOUS_PREFIX, MAX_PROFILE_ID_CHARS
from segops_common.security.claims import SessionToken
from segops_common.security.permissions import KeyKind
from tests.unit.auth.harness import ADDRESS, PER_ADDRESS, START, MemoryAuth, User, slug_of

NOW_S = int(START.timestamp())
DAY = timedelta(days=1)


async def new_key(memory: MemoryAuth, ada: User, *, signed: bool = False) -> tuple[ApiKey, str, str]:
    key, secret = await memory.auth.api_keys.create(
        ada.tenant.id,
        ada.id,
        name="page",
        kind=KeyKind.PUBLISHABLE,
        scopes=None,
        allowed_origins=(),
        require_signed_user_id=signed,
    )
    return key, secret, memory.auth.api_keys.user_id_secret(key, secret) or ""


async def begin(memory: MemoryAuth, key: str, claim: Claim, address: str | None = None) -> ClientSession:
    return await memory.auth.client_sessions.begin(key, claim, address=address)


def claims(memory: MemoryAuth, session: ClientSession) -> SessionToken:
    token = memory.tokens.read(session.token)
    assert isinstance(token, SessionToken)
    return token


def signed(secret_hex: str, user_id: str = "ada", at_s: int = NOW_S) -> Claim:
    """The recipe as a server follows it."""
    digest = hmac.new(bytes.fromhex(secret_hex), f"{user_id}|{at_s}".encode(), hashlib.sha256).hexdigest()
    return Claim(user_id=user_id, signature=digest, signed_at_s=at_s)


@pytest.mark.parametrize(
    ("claim", "uid", "is_anonymous"),
    [
        (Claim(user_id="ada"), "ada", False),
        (Claim(user_id="ada", anonymous_id="browser"), "ada", False),
        (Claim(anonymous_id="browser"), "browser", True),
        (Claim(user_id="ada", signature="0" * 64, signed_at_s=1), "ada", False),
    ],
)
async def test_a_key_begins_a_session_for_a_user_or_a_visitor(
    memory: MemoryAuth, claim: Claim, uid: str, is_anonymous: bool
) -> None:
    ada = await memory.sign_up()
    _, key, _ = await new_key(memory, ada)
    session = await begin(memory, key, claim)
    assert (session.uid, session.is_anonymous) == (uid, is_anonymous)
    assert session.expires_at == START + timedelta(minutes=15)
    assert claims(memory, session) == SessionToken(
        uid=uid,
        is_anonymous=is_anonymous,
        was_checked=False,
        key_hash=memory.secrets.hash(key),
        expires_at_s=NOW_S + 900,
    )


async def test_a_session_ends_in_whole_seconds(memory: MemoryAuth) -> None:
    _, key, _ = await new_key(memory, await memory.sign_up())
    memory.clock.advance(0.75)
    assert (await begin(memory, key, Claim(user_id="ada"))).expires_at == START + timedelta(minutes=15)


async def test_without_an_id_there_is_no_session(memory: MemoryAuth) -> None:
    _, key, _ = await new_key(memory, await memory.sign_up())
    with pytest.raises(ValidationFailed) as refusal:
        await begin(memory, key, Claim())
    assert [(fault.path, fault.code) for fault in refusal.value.errors] == [("user_id", "missing")]


async def test_a_signed_user_id_is_accepted_within_five_minutes(memory: MemoryAuth) -> None:
    _, key, secret = await new_key(memory, await memory.sign_up(), signed=True)
    assert len(bytes.fromhex(secret)) == 32
    for at_s in (NOW_S - MAX_AGE_S, NOW_S, NOW_S + MAX_AGE_S):
        session = await begin(memory, key, signed(secret, "ada@example.com", at_s))
        assert session.uid == "ada@example.com"
        assert claims(memory, session).was_checked
    upper = signed(secret)
    upper = Claim(user_id="ada", signature=(upper.signature or "").upper(), signed_at_s=NOW_S)
    assert (await begin(memory, key, upper)).uid == "ada"


async def test_what_is_not_signed_as_required_is_refused_by_its_reason(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    _, key, secret = await new_key(memory, ada, signed=True)
    _, _, other = await new_key(memory, ada, signed=True)
    good = signed(secret)
    for claim, slug in (
        (Claim(user_id="ada"), "signature-missing"),
        (Claim(user_id="ada", signature=good.signature), "signature-missing"),
        (Claim(user_id="ada", signed_at_s=NOW_S), "signature-missing"),
        (Claim(user_id="eve", signature=good.signature, signed_at_s=NOW_S), "signature-invalid"),
        (Claim(user_id="ada", signature=good.signature, signed_at_s=NOW_S + 1), "signature-invalid"),
        (Claim(user_id="ada", signature="0" * 64, signed_at_s=NOW_S - 10_000), "signature-invalid"),
        (signed(other), "signature-invalid"),
        (signed(secret, at_s=NOW_S - MAX_AGE_S - 1), "signature-expired"),
        (signed(secret, at_s=NOW_S + MAX_AGE_S + 1), "signature-in-future"),
    ):
        assert await slug_of(begin(memory, key, claim)) == slug, claim


async def test_a_visitor_needs_no_signature_and_cannot_take_the_id_of_a_user(memory: MemoryAuth) -> None:
    _, key, _ = await new_key(memory, await memory.sign_up(), signed=True)
    session = await begin(memory, key, Claim(anonymous_id="ada@example.com"))
    assert (session.uid, session.is_anonymous) == ("anon_ada@example.com", True)
    assert (await begin(memory, key, Claim(anonymous_id=session.uid))).uid == session.uid
    longest = "x" * (MAX_PROFILE_ID_CHARS - len(ANONYMOUS_PREFIX))
    assert len((await begin(memory, key, Claim(anonymous_id=longest))).uid) == MAX_PROFILE_ID_CHARS
    assert await slug_of(begin(memory, key, Claim(anonymous_id=longest + "x"))) == "validation-failed"


async def test_the_signing_secret_is_rotated_with_the_key_and_both_work_during_the_overlap(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, first, old = await new_key(memory, ada, signed=True)
    rotated, second = await memory.auth.api_keys.rotate(key.id, ada.id, overlap=timedelta(minutes=5))
    new = memory.auth.api_keys.user_id_secret(rotated, second) or ""
    assert new != old
    for secret in (first, second):
        for signing in (old, new):
            assert (await begin(memory, secret, signed(signing))).uid == "ada"
    until_the_end = await begin(memory, first, signed(old))
    assert until_the_end.expires_at == START + timedelta(minutes=5), "a previous secret's session ends with it"
    memory.clock.advance(300)
    at_s = NOW_S + 300
    assert await slug_of(begin(memory, first, signed(new, at_s=at_s))) == "invalid-api-key"
    assert await slug_of(begin(memory, second, signed(old, at_s=at_s))) == "signature-invalid"
    assert (await begin(memory, second, signed(new, at_s=at_s))).uid == "ada"


async def test_a_requirement_can_begin_and_end_and_each_time_has_a_secret_of_its_own(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, text, _ = await new_key(memory, ada)
    keys = memory.auth.api_keys
    changed, first = await keys.change(key.id, ada.id, require_signed_user_id=True)
    assert changed.requires_signed_user_id
    assert first is not None
    assert (await keys.change(key.id, ada.id, require_signed_user_id=True)) == (changed, None)
    assert (await keys.change(key.id, ada.id, allowed_origins=("https://a.example",)))[1] is None
    assert (await begin(memory, text, signed(first))).uid == "ada"
    back, none = await keys.change(key.id, ada.id, require_signed_user_id=False)
    assert (back.requires_signed_user_id, none) == (False, None)
    assert (await begin(memory, text, Claim(user_id="ada"))).uid == "ada"
    memory.clock.advance(1)
    _, second = await keys.change(key.id, ada.id, require_signed_user_id=True)
    assert second not in (None, first)
    assert await slug_of(begin(memory, text, signed(first))) == "signature-invalid"
    details = [entry.details.get("require_signed_user_id") for entry in await memory.audit_log(ada.tenant)][-5:]
    assert details == ["true", "true", "true", None, "true"]


async def test_a_secret_key_requires_no_signatures(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    keys = memory.auth.api_keys
    key, _ = await keys.create(
        ada.tenant.id, ada.id, name="server", kind=KeyKind.SECRET, scopes=None, allowed_origins=()
    )
    made = keys.create(
        ada.tenant.id,
        ada.id,
        name="server",
        kind=KeyKind.SECRET,
        scopes=None,
        allowed_origins=(),
        require_signed_user_id=True,
    )
    for call in (made, keys.change(key.id, ada.id, require_signed_user_id=True)):
        with pytest.raises(ValidationFailed) as refusal:
            await call
        assert [fault.path for fault in refusal.value.errors] == ["require_signed_user_id"]
    assert not (await keys.change(key.id, ada.id, require_signed_user_id=False))[0].requires_signed_user_id


async def test_a_change_of_both_is_refused_as_a_whole(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    keys = memory.auth.api_keys
    key, text = await keys.create(
        ada.tenant.id, ada.id, name="server", kind=KeyKind.SECRET, scopes=None, allowed_origins=()
    )
    with pytest.raises(Problem):
        await keys.change(key.id, ada.id, allowed_origins=(), require_signed_user_id=True)
    working = await keys.introspect(text)
    assert working is not None
    assert working.key == key


async def test_a_revoked_key_begins_no_session(memory: MemoryAuth) -> None:
    ada = await memory.sign_up()
    key, text, _ = await new_key(memory, ada)
    await memory.auth.api_keys.revoke(key.id, ada.id)
    assert await slug_of(begin(memory, text, Claim(user_id="ada"))) == "invalid-api-key"


async def test_one_address_begins_a_limited_number_of_sessions(memory: MemoryAuth) -> None:
    _, key, _ = await new_key(memory, await memory.sign_up())
    for _ in range(PER_ADDRESS):
        await begin(memory, key, Claim(user_id="ada"), ADDRESS)
    assert await slug_of(begin(memory, key, Claim(user_id="ada"), ADDRESS)) == "rate-limited"
    await begin(memory, key, Claim(user_id="ada"), "198.51.100.8")
