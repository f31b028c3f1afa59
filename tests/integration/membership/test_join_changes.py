"""A join changes exactly the users concerned: nobody else enters or exits a segment."""

from __future__ import annotations

import os
from datetime import timedelta
from random import Random

import pytest

from segops_language.events import Event
from segops_language.values.instants import from_ms
from segops_membership.domain.identity.joins import IdentityFacts, persons_of
from segops_membership.domain.identity.merges import Resolution
from tests.corpus.builders import job, new_tenant
from tests.corpus.instants import NOW_MS
from tests.corpus.joins import IDS, JoinedWorld, SentEvent, joined_world
from tests.corpus.scenario import OFFSETS
from tests.integration.membership.harness import MembershipHarness, insert_rows
from tests.integration.membership.joined import rows_of, store_merges

WORLDS = 4
EXAMPLES = int(os.environ.get("EXAMPLES", "20000"))


def claim(world: JoinedWorld, random: Random) -> SentEvent:
    """Return a claim that may be early, late, lost to an earlier one, or of a user."""
    users = world.facts.known_since
    visitors = sorted({sent.event.profile_id for sent in world.events} - users.keys())
    anonymous_id = random.choice(visitors if visitors and random.random() < 0.8 else IDS)
    user = random.choice([id for id in IDS if id != anonymous_id])
    event = Event(user, "$alias", "claim", NOW_MS + random.choice(OFFSETS), {})
    world.events.append(SentEvent(event, user, anonymous_id, joins=True))
    return world.events[-1]


def merge(world: JoinedWorld, random: Random) -> list[Resolution]:
    """Return what a merge of two persons stores, or an unmerge of one id."""
    last = max((resolution.version for resolution in world.resolutions), default=0)
    times = [resolution.at for resolution in world.resolutions]
    at = max([from_ms(NOW_MS + random.choice(OFFSETS)), *(time + timedelta(milliseconds=1) for time in times)])
    merged = persons_of(IdentityFacts(resolutions=tuple(world.resolutions)), 2**53)
    if merged and random.random() < 0.4:
        id = random.choice(sorted(merged))
        moved = [Resolution(last + 1, at, id, id)]
    else:
        target, *others = random.sample(sorted(set(IDS) - merged.keys()), len(IDS) - len(merged))
        profiles = {sent.event.profile_id for sent in world.events}
        source = max(others, key=lambda id: id in profiles)
        moved = [Resolution(last + 1, at, id, target) for id in IDS if merged.get(id, id) == source]
    world.resolutions += moved
    return moved


async def store_join(harness: MembershipHarness, tenant: int, world: JoinedWorld, random: Random) -> set[str]:
    """Store one more join. Return the person who has one more event by it, if it is an event."""
    if random.random() < 0.5:
        await store_merges(harness.clickhouse, [(tenant, resolution) for resolution in merge(world, random)])
        return set()
    sent = claim(world, random)
    await insert_rows(harness.clickhouse, rows_of(tenant, world)[-1:] * 2)
    return {world.persons().get(sent.user_id, sent.user_id)}


async def assert_changes(harness: MembershipHarness, seed: int) -> int:
    """Return how many changes a join made in a world, all of them right."""
    random, tenant, world = Random(seed), new_tenant(), joined_world(seed, definitions=3)
    # Lists come by messages that have nothing to do with joins.
    world.lists.clear()
    if random.random() < 0.8:
        world.as_of_ms = max(world.as_of_ms, NOW_MS + 1)
    await insert_rows(harness.clickhouse, rows_of(tenant, world))
    await store_merges(harness.clickhouse, [(tenant, resolution) for resolution in world.resolutions])
    as_of = from_ms(world.as_of_ms)
    await harness.compute.run(job(tenant, 1, dict(world.segments), as_of=as_of))
    persons, members = world.persons(), world.members()
    looked_up = await harness.lookup.segments_of_users(tenant, IDS)

    concerned = await store_join(harness, tenant, world, random)
    await harness.compute.run(job(tenant, 2, dict(world.segments), as_of=as_of))

    then = world.persons()
    moved = {id for id in IDS if persons.get(id, id) != then.get(id, id)}
    concerned |= {person for id in moved for person in (id, persons.get(id, id), then.get(id, id))}
    changes = [change for change in await harness.changes(tenant) if change.run_id == 2]
    actual = {(change.segment_id, change.user_id, change.change) for change in changes}
    expected = {
        (id, user, "entered" if user in users else "exited")
        for id, users in world.members().items()
        for user in users ^ members[id]
    }
    assert actual == expected, f"{seed} {concerned} {world.events} {world.resolutions}"
    assert len(changes) == len(actual)
    assert {change.user_id for change in changes} <= concerned
    answers = await harness.lookup.segments_of_users(tenant, IDS)
    others = [id for id in IDS if then.get(id, id) not in concerned]
    assert {id: answers[id].segment_ids for id in others} == {id: looked_up[id].segment_ids for id in others}
    return len(changes)


async def test_a_join_changes_exactly_the_users_concerned(harness: MembershipHarness) -> None:
    counts = [await assert_changes(harness, seed) for seed in range(WORLDS)]

    assert any(counts)


@pytest.mark.long
@pytest.mark.timeout(0)
async def test_a_join_changes_exactly_the_users_concerned_for_long(harness: MembershipHarness) -> None:
    first = Random().randrange(2**40)

    counts = [await assert_changes(harness, first + number) for number in range(max(EXAMPLES // 100, 1))]

    assert sum(map(bool, counts)) >= len(counts) // 4
