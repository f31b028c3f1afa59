"""The arithmetic of limits."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from segops_common.core.rate_limit import Charge, Limit, consume, whole_seconds

TEN = Limit(name="ten", quota=10, period_s=900)


def allowed(limit: Limit, at: list[float]) -> list[bool]:
    """Which acts at these instants are within the limit."""
    next_s: float | None = None
    decisions = []
    for now_s in at:
        decision = consume(Charge(limit, "ada"), next_s, now_s)
        next_s = decision.next_s
        decisions.append(decision.allowed)
    return decisions


def test_the_eleventh_at_once_is_refused() -> None:
    assert allowed(TEN, [5.0] * 11) == [True] * 10 + [False]


def test_one_is_possible_again_after_an_interval() -> None:
    assert allowed(TEN, [0.0] * 10 + [89.0, 90.0, 90.0]) == [True] * 10 + [False, True, False]


def test_the_wait_is_exact() -> None:
    next_s: float | None = None
    for _ in range(10):
        next_s = consume(Charge(TEN, "ada"), next_s, 0.0).next_s
    refused = consume(Charge(TEN, "ada"), next_s, 30.0)
    assert refused.wait_s == 60.0
    assert consume(Charge(TEN, "ada"), refused.next_s, 30.0 + refused.wait_s).allowed


@given(
    st.lists(st.floats(0, 100), max_size=60).map(sorted),
    st.integers(1, 20),
    st.integers(1, 50),
)
def test_no_period_sees_more_than_twice_the_quota_and_rarely_fewer(at: list[float], quota: int, period_s: int) -> None:
    limit = Limit(name="any", quota=quota, period_s=period_s)
    passed = [now_s for now_s, ok in zip(at, allowed(limit, at), strict=True) if ok]
    for start in passed:
        inside = [now_s for now_s in passed if start <= now_s < start + period_s]
        assert len(inside) <= 2 * quota
    assert len(passed) >= min(len(at), quota)


def test_retry_after_is_never_too_early() -> None:
    assert [whole_seconds(wait_s) for wait_s in (0.0001, 1.0, 1.0001, 89.9)] == [1, 1, 2, 90]
