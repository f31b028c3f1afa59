"""Access tokens, signed and in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from segops_auth.adapters.memory.access_tokens import MemoryAccessTokens
from segops_auth.ports.access_tokens import AccessTokens
from segops_common.core.ids import SystemIds
from segops_common.core.problems import Unauthenticated
from segops_common.security.claims import AccessToken
from segops_common.security.tokens import TokenSigner, TokenVerifier
from segops_testkit.clock import ManualClock
from tests.unit.security.keys import new_private_key

LIFETIME_S = 900
START = datetime(2026, 1, 31, 9, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TokensHarness:
    """Tokens, how services verify them, and their clock."""

    tokens: AccessTokens
    verify: Callable[[str], AccessToken]
    clock: ManualClock


@pytest.fixture(params=["memory", "signed"])
def harness(request: pytest.FixtureRequest) -> TokensHarness:
    clock = ManualClock(START)
    ids = SystemIds(clock)
    if request.param == "memory":
        memory = MemoryAccessTokens(clock=clock, ids=ids, lifetime_s=LIFETIME_S)
        return TokensHarness(memory, memory.verify, clock)
    signer = TokenSigner(private_key_pem=new_private_key(), clock=clock, ids=ids, lifetime_s=LIFETIME_S)
    return TokensHarness(signer, TokenVerifier(jwks=[signer.jwk], clock=clock).verify, clock)


def test_a_token_names_its_user_until_it_expires(harness: TokensHarness) -> None:
    token = harness.tokens.sign(7, 3)
    expected = AccessToken(user_id=7, session_id=3, expires_at_s=int(START.timestamp()) + LIFETIME_S)
    assert harness.tokens.lifetime_s == LIFETIME_S
    assert harness.verify(token) == expected
    harness.clock.advance(LIFETIME_S - 1)
    assert harness.verify(token) == expected
    harness.clock.advance(1)
    with pytest.raises(Unauthenticated) as refusal:
        harness.verify(token)
    assert refusal.value.slug == "token-expired"


def test_each_token_is_another(harness: TokensHarness) -> None:
    assert len({harness.tokens.sign(7, 3) for _ in range(3)}) == 3


@pytest.mark.parametrize("change", ["", "x", "x{token}", "{token}x", "{token} x", "{token}.{token}"])
def test_a_changed_token_is_not_valid(harness: TokensHarness, change: str) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        harness.verify(change.format(token=harness.tokens.sign(7, 3)))
    assert refusal.value.slug == "invalid-token"
