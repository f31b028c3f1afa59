"""A user evaluated at this instant: every segment, over what is stored and what is not stored yet."""

from __future__ import annotations

from dataclasses import replace

import pytest

from segops_common.contracts.jobs import SegmentChanged
from segops_common.core.problems import Unavailable, ValidationFailed
from segops_language import Group
from segops_language.values.instants import to_ms
from segops_membership.adapters.memory.events import STORED_VERSION
from segops_membership.ports.events import AcceptedEvent
from tests.contract.membership.rows import portion
from tests.corpus.builders import NOW, count, event, group
from tests.unit.membership.harness import MembershipInMemory

AT = to_ms(NOW)
BOUGHT = group(count("buy", "gte", 2))
NEVER = Group(logic="OR", conditions=())


@pytest.fixture
def product() -> MembershipInMemory:
    return MembershipInMemory()


async def define(product: MembershipInMemory, **segments: Group) -> None:
    """Define segments by names such as `s7`."""
    await product.definitions.apply(
        [
            SegmentChanged(
                tenant_id=1, segment_id=int(name[1:]), version=1, definition=made, refresh="manual", deleted=False
            )
            for name, made in segments.items()
        ]
    )


def refer(segment_id: int, **more: object) -> dict[str, object]:
    return {"type": "segment", "segment_id": segment_id, **more}


async def test_segments_that_were_never_computed_are_evaluated(product: MembershipInMemory) -> None:
    await define(product, s7=BOUGHT, s8=group(refer(7)), s9=group(refer(8, negate=True)), s10=NEVER)
    product.warehouse.tenant(1).add_events([event("u", "buy", at=AT), event("u", "buy", at=AT - 1)])
    product.warehouse.tenant(1).add_events([event("v", "buy", at=AT)])
    answer = await product.now.segments_of(1, "u")
    assert (answer.segment_ids, answer.as_of_ms, answer.stale_reason) == ((7, 8), AT, None)
    assert (await product.now.segments_of(1, "v")).segment_ids == (9,)
    assert (await product.now.segments_of(1, "stranger")).segment_ids == ()
    assert (await product.now.segments_of(2, "u")).segment_ids == ()


async def test_events_that_are_not_stored_yet_count_once(product: MembershipInMemory) -> None:
    """The delivery that was accepted first counts, wherever it is; later events do not count."""
    paid = count("buy", "gte", 1, where=[{"property": "price", "operator": "gt", "value": 5}])
    await define(product, s7=BOUGHT, s8=group(paid), s9=group(count("*")))
    stored = event("u", "buy", at=AT, price=9)
    product.warehouse.tenant(1).add_events([stored])
    later = AcceptedEvent(replace(stored, payload={"price": 1}), STORED_VERSION - 1)
    future = AcceptedEvent(event("u", "buy", at=AT + 1), 1)
    product.unstored.events[1] = [later, future]
    assert (await product.now.segments_of(1, "u")).segment_ids == (8, 9)
    product.unstored.events[1] = [replace(later, version=STORED_VERSION + 1)]
    assert (await product.now.segments_of(1, "u")).segment_ids == (9,)
    product.unstored.events[1] = [AcceptedEvent(event("u", "buy", at=AT - 1), 1)]
    assert (await product.now.segments_of(1, "u")).segment_ids == (7, 8, 9)
    product.unstored.events[1] = [AcceptedEvent(event("new", "other", at=AT), 1)]
    assert (await product.now.segments_of(1, "new")).segment_ids == (9,)
    await define(product, s10=group(count("buy", "eq", 0)))
    product.unstored.events[1] = [AcceptedEvent(event("tomorrow", "other", at=AT + 1), 1)]
    assert (await product.now.segments_of(1, "tomorrow")).segment_ids == ()


async def test_static_segments_are_their_lists_and_make_a_user_known(product: MembershipInMemory) -> None:
    """Also a user without events, who is in the universe of whatever leads to the list."""
    await define(product, s7=NEVER, s8=group(refer(7)), s9=group(refer(8, negate=True)), s10=group(count("x", "eq", 0)))
    await product.lists.store([portion(1, 1, segment_id=7, add=["listed"])])
    assert (await product.now.segments_of(1, "listed")).segment_ids == (7, 8)
    assert (await product.now.segments_of(1, "other")).segment_ids == ()
    product.warehouse.tenant(1).add_events([event("other", "y", at=AT)])
    assert (await product.now.segments_of(1, "other")).segment_ids == (9, 10)


async def test_an_answer_without_the_log_says_why_it_is_stale(product: MembershipInMemory) -> None:
    await define(product, s7=group(count("buy")))
    product.warehouse.tenant(1).add_events([event("u", "buy", at=AT)])
    product.unstored.refusal = "the event log does not respond"
    answer = await product.now.segments_of(1, "u")
    assert (answer.segment_ids, answer.stale_reason) == ((7,), "the event log does not respond")


async def test_an_explanation_counts_events_that_are_not_stored_yet(product: MembershipInMemory) -> None:
    await define(product, s7=BOUGHT)
    product.warehouse.tenant(1).add_events([event("u", "buy", at=AT)])
    product.unstored.events[1] = [AcceptedEvent(event("u", "buy", at=AT - 1), 1)]
    explained = await product.explain.explain(1, "u", segment_id=7, definition=None, as_of=None)
    assert (explained.explanation.forecast.holds, explained.stale_reason) == (True, None)
    product.unstored.refusal = "slow"
    explained = await product.explain.explain(1, "u", segment_id=7, definition=None, as_of=None)
    assert (explained.explanation.forecast.holds, explained.stale_reason) == (False, "slow")


async def test_too_many_events_are_refused_and_a_broken_reference_is_retried(product: MembershipInMemory) -> None:
    await define(product, s7=BOUGHT)
    product.warehouse.tenant(1).add_events([event("u", "buy", at=AT) for _ in range(60)])
    product.unstored.events[1] = [AcceptedEvent(event("u", "buy", at=AT), 1) for _ in range(41)]
    with pytest.raises(ValidationFailed) as refused:
        await product.now.segments_of(1, "u")
    assert refused.value.slug == "too-many-events"
    await define(product, s8=group(refer(99)))
    with pytest.raises(Unavailable):
        await product.now.segments_of(1, "v")
