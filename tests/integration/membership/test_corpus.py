"""The compiler on ClickHouse and the evaluator in Python give generated definitions the same members in generated worlds.

A case is one definition, asked in one world as of one instant; the same seed gives the same cases. What differs is told
as the smallest case that still does.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from segops_common.stores.clickhouse import ClickHouse
from segops_language import Group
from segops_language.events import Event
from segops_language.reference.evaluate import evaluate
from segops_language.walk import walk
from tests.integration.membership.test_differential import SEGMENT, clickhouse, members_by_sql
from tests.integration.membership.worlds import World

__all__ = ["clickhouse"]

WORLDS = 26
DEFINITIONS = 40
"""Of each world: a thousand cases in all. More definitions of a world cost little, for they share its statements."""
TRIES = 10
EXAMPLES = int(os.environ.get("EXAMPLES", "20000"))


@dataclass(frozen=True, slots=True)
class Cases:
    """Definitions in one world."""

    world: World
    definitions: tuple[Group, ...]

    @classmethod
    def of(cls, seed: int | bytes) -> Cases:
        """Generate a world and its definitions, each of which may refer to those before it."""
        cases = cls(World(Random(seed)), ())
        definitions = tuple(cases._definition(SEGMENT + 1 + i) for i in range(DEFINITIONS))
        return replace(cases, definitions=definitions)

    def _definition(self, segment_id: int) -> Group:
        """One that divides the world, where a few tries find one: on nobody and on everyone the two agree too easily."""
        for _ in range(TRIES):
            definition = self.world.definition(segment_id)
            if self.divides(definition):
                return definition
            del self.world.references[segment_id]
        return self.world.definition(segment_id)

    def divides(self, definition: Group) -> bool:
        """Whether some users with events are members, and some are not."""
        everyone = {each.profile_id for each in self.world.events if each.timestamp_ms <= self.world.as_of_ms}
        return 0 < len(self.by_python(definition, self.world.events) & everyone) < len(everyone)

    def by_python(self, definition: Group, events: Sequence[Event]) -> frozenset[str]:
        """Members as the language's text says."""
        world = self.world
        return evaluate(
            definition, events, world.as_of_ms, segment_id=SEGMENT, references=world.references, lists=world.lists
        )

    async def differing(
        self, clickhouse: ClickHouse, definitions: Sequence[Group], events: Sequence[Event]
    ) -> list[Group]:
        """The definitions that the two do not agree on."""
        world = self.world
        by_sql = await members_by_sql(
            clickhouse, events, definitions, world.as_of_ms, references=world.references, lists=world.lists
        )
        found = zip(definitions, by_sql, strict=True)
        return [definition for definition, members in found if members != self.by_python(definition, events)]

    async def smallest(self, clickhouse: ClickHouse, definition: Group) -> tuple[Group, list[Event]]:
        """The part of a differing definition, and the events, without any of which the two would agree."""
        events = list(self.world.events)
        for each in self.world.events:
            fewer = [other for other in events if other is not each]
            events = fewer if await self.differing(clickhouse, [definition], fewer) else events
        while parts := await self.differing(clickhouse, _parts(definition), events):
            definition = parts[0]
        return definition, events

    async def agree(self, clickhouse: ClickHouse) -> None:
        """Fails with the smallest case of the first definition that differs."""
        for definition in await self.differing(clickhouse, self.definitions, self.world.events):
            part, events = await self.smallest(clickhouse, definition)
            pytest.fail(f"{part!r}\nas of {self.world.as_of_ms} in {events}\nand {self.world.lists}")


def _parts(definition: Group) -> list[Group]:
    """Smaller definitions, one for each part, if there are several or the one is a group."""
    if len(definition.conditions) == 1 and not isinstance(definition.conditions[0], Group):
        return []
    return [
        each if isinstance(each, Group) else Group(logic="AND", conditions=(each,)) for each in definition.conditions
    ]


@pytest.mark.parametrize("seed", range(WORLDS))
async def test_sql_and_python_agree(clickhouse: ClickHouse, seed: int) -> None:
    await Cases.of(seed).agree(clickhouse)


def test_the_corpus_asks_for_everything_and_divides_its_worlds() -> None:
    corpus = [Cases.of(seed) for seed in range(WORLDS)]
    asked = Counter(
        each.type
        for cases in corpus
        for definition in cases.definitions
        for _, each in walk(definition)
        if not isinstance(each, Group)
    )
    dividing = sum(cases.divides(definition) for cases in corpus for definition in cases.definitions)

    assert sum(len(set(map(repr, cases.definitions))) for cases in corpus) >= 1000
    assert len(asked) == 9, asked
    assert dividing > 700


@pytest.mark.long
@pytest.mark.timeout(0)
@settings(
    max_examples=max(EXAMPLES // DEFINITIONS, 1),
    deadline=None,
    # A world is made from one seed, which has nothing to shrink; one that failed comes first the next time.
    phases=[Phase.reuse, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(seed=st.binary(min_size=8, max_size=8))
async def test_sql_and_python_agree_for_long(clickhouse: ClickHouse, seed: bytes) -> None:
    """On EXAMPLES cases that no run had before: an example is a case, so hypothesis draws a world for forty of them."""
    await Cases.of(seed).agree(clickhouse)
