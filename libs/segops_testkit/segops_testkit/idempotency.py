"""Idempotency keys in memory, and the suite that every store of them passes."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Protocol

import pytest

from segops_common.core.clock import Clock
from segops_common.core.idempotency import IdempotencyStore, IdempotentCall, StoredAnswer
from segops_common.core.problems import Conflict, ValidationFailed
from segops_testkit.clock import ManualClock

KEEP = timedelta(hours=24)
IN_FLIGHT = timedelta(seconds=60)
FIRST = IdempotentCall(scope="user 1 POST /things/", key="a", digest="one")
ANSWER = StoredAnswer(201, b'{"id": 1}')


class MemoryIdempotency:
    """An `IdempotencyStore` in memory."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._calls: dict[tuple[str, str], tuple[str, float, StoredAnswer | None]] = {}

    async def reserve(self, call: IdempotentCall) -> StoredAnswer | None:
        """See `IdempotencyStore`."""
        now = self._clock.monotonic()
        digest, since, answer = self._calls.get((call.scope, call.key), ("", float("-inf"), None))
        if now - since > (KEEP if answer else IN_FLIGHT).total_seconds():
            self._calls[call.scope, call.key] = (call.digest, now, None)
            return None
        if digest != call.digest:
            raise ValidationFailed("`Idempotency-Key` must be new for a different body.", slug="idempotency-key-reused")
        if answer is None:
            raise Conflict(
                "The first request with this `Idempotency-Key` is in progress. Retry later.",
                slug="idempotency-in-progress",
            )
        return answer

    async def complete(self, call: IdempotentCall, answer: StoredAnswer) -> None:
        """See `IdempotencyStore`."""
        self._calls[call.scope, call.key] = (call.digest, self._clock.monotonic(), answer)

    async def release(self, call: IdempotentCall) -> None:
        """See `IdempotencyStore`."""
        _, _, answer = self._calls.get((call.scope, call.key), ("", 0.0, None))
        if answer is None:
            self._calls.pop((call.scope, call.key), None)


class Harness(Protocol):
    """An empty store and its clock."""

    store: IdempotencyStore
    clock: ManualClock


class IdempotencyContract:
    """Subclasses bring the fixture `harness`."""

    async def test_the_first_call_goes_ahead_and_the_next_gets_its_answer(self, harness: Harness) -> None:
        assert await harness.store.reserve(FIRST) is None
        await harness.store.complete(FIRST, ANSWER)
        assert await harness.store.reserve(FIRST) == ANSWER

    async def test_a_secret_leaves_no_body(self, harness: Harness) -> None:
        await harness.store.reserve(FIRST)
        await harness.store.complete(FIRST, StoredAnswer(201, None))
        assert await harness.store.reserve(FIRST) == StoredAnswer(201, None)

    async def test_a_call_in_flight_is_not_done_twice(self, harness: Harness) -> None:
        await harness.store.reserve(FIRST)
        with pytest.raises(Conflict) as refused:
            await harness.store.reserve(FIRST)
        assert refused.value.slug == "idempotency-in-progress"

    async def test_of_many_at_once_one_goes_ahead(self, harness: Harness) -> None:
        outcomes = await asyncio.gather(*(harness.store.reserve(FIRST) for _ in range(8)), return_exceptions=True)
        assert [outcome for outcome in outcomes if outcome is None] == [None]
        assert sum(isinstance(outcome, Conflict) for outcome in outcomes) == 7

    async def test_another_body_is_refused(self, harness: Harness) -> None:
        await harness.store.reserve(FIRST)
        await harness.store.complete(FIRST, ANSWER)
        with pytest.raises(ValidationFailed) as refused:
            await harness.store.reserve(IdempotentCall(scope=FIRST.scope, key=FIRST.key, digest="two"))
        assert refused.value.slug == "idempotency-key-reused"

    async def test_keys_belong_to_a_scope(self, harness: Harness) -> None:
        await harness.store.reserve(FIRST)
        assert await harness.store.reserve(IdempotentCall(scope="user 2", key=FIRST.key, digest="two")) is None
        assert await harness.store.reserve(IdempotentCall(scope=FIRST.scope, key="b", digest="two")) is None

    async def test_a_released_key_is_free(self, harness: Harness) -> None:
        await harness.store.reserve(FIRST)
        await harness.store.release(FIRST)
        assert await harness.store.reserve(FIRST) is None

    async def test_a_late_release_keeps_the_answer(self, harness: Harness) -> None:
        await harness.store.reserve(FIRST)
        await harness.store.complete(FIRST, ANSWER)
        await harness.store.release(FIRST)
        assert await harness.store.reserve(FIRST) == ANSWER

    async def test_a_call_whose_process_died_can_be_made_again(self, harness: Harness) -> None:
        await harness.store.reserve(FIRST)
        harness.clock.advance(IN_FLIGHT.total_seconds() + 1)
        assert await harness.store.reserve(FIRST) is None

    async def test_an_answer_is_kept_for_a_day(self, harness: Harness) -> None:
        await harness.store.reserve(FIRST)
        await harness.store.complete(FIRST, ANSWER)
        harness.clock.advance(KEEP.total_seconds() - 1)
        assert await harness.store.reserve(FIRST) == ANSWER
        harness.clock.advance(2)
        assert await harness.store.reserve(FIRST) is None
