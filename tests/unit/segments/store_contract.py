"""The contract of every store: segments, versions and references."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Protocol

import pytest

from segops_language import Group
from segops_segments.domain.references import node_of
from segops_segments.domain.segment import MAX_SHOWN_REFERRERS, Segment, SegmentFilter
from segops_segments.ports.outbox import Outbox
from segops_segments.ports.segments import NameTaken
from segops_segments.ports.transactions import Store
from tests.unit.segments.store_builders import NOW, definition, drain, new_segment, referring, version_of

EVERYTHING = 2**63 - 1
_tenants = itertools.count(1_000)


def new_tenant() -> int:
    """Return a tenant that no other test uses."""
    return next(_tenants)


class Stored(Store, Outbox, Protocol):
    """Both ports in one object."""


class StoreContract:
    """Gives tests a store and tenants of their own, so that they can share a database."""

    @pytest.fixture
    def stored(self) -> Stored:
        """Return the store under test; a subclass overrides this."""
        raise NotImplementedError

    @pytest.fixture
    def tenant(self) -> int:
        return new_tenant()

    async def add(self, stored: Stored, tenant: int, name: str = "Loyal") -> Segment:
        async with stored.writing(tenant) as unit:
            segment = await unit.add_segment(tenant, new_segment(tenant, name), NOW)
            await unit.add_version(tenant, version_of(segment))
            return segment


class SegmentContract(StoreContract):
    """What every store does with segments, versions and references."""

    async def test_a_segment_is_found_by_its_own_tenant(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        async with stored.reading() as unit:
            assert await unit.find_segment((tenant, 5), segment.id) == segment
            assert await unit.find_segment((tenant + 1_000_000,), segment.id) is None
            assert await unit.find_segment((), segment.id) is None
            assert await unit.find_segment((tenant,), EVERYTHING) is None

    async def add_referring(self, stored: Stored, tenant: int, *segment_ids: int) -> int:
        async with stored.writing(tenant) as unit:
            group = referring(*segment_ids)
            return (await unit.add_segment(tenant, new_segment(tenant, f"To {segment_ids}", group), NOW)).id

    async def test_references_are_followed_both_ways(self, stored: Stored, tenant: int) -> None:
        bottom = await self.add_referring(stored, tenant)
        left, right = [await self.add_referring(stored, tenant, *[bottom] * times) for times in (1, 2)]
        top = await self.add_referring(stored, tenant, left, right)
        foreign = await self.add_referring(stored, tenant + 1_000_000)
        async with stored.reading() as unit:
            assert set(await unit.find_referrers(tenant, bottom)) == {left, right, top}
            assert set(await unit.find_referrers(tenant, top)) == set()
            assert set(await unit.find_referrers(tenant + 1_000_000, bottom)) == set()
            graph = dict(await unit.reference_graph(tenant, (left, foreign, EVERYTHING)))
            assert graph == {left: node_of(referring(bottom)), bottom: node_of(referring())}
            assert await unit.reference_graph(tenant + 1_000_000, (top,)) == {}
            below = await unit.list_reachable(tenant, (top,))
            assert [segment.id for segment in below] == [bottom, left, right, top]
            assert below == await unit.list_segments((tenant,), 0, 10)
            assert [segment.referenced_by for segment in below] == [(left, right), (top,), (top,), ()]
            assert await unit.find_segment((tenant,), bottom) == below[0]
            assert await unit.list_reachable(tenant, ()) == []

    async def test_segments_that_read_properties_as_instants_are_returned(self, stored: Stored, tenant: int) -> None:
        trait = {"type": "user_property", "property": "renews", "operator": "within_last", "value": "30d"}
        time = {"type": "event_time", "event_type": "a", "occurrence": "last", "operator": "within_last", "value": "1d"}
        text = {"type": "user_property", "property": "p", "operator": "eq", "value": '"operator": "before"'}
        definitions = [[trait], [time], [text], [{"logic": "OR", "conditions": [time, trait]}]]
        added = [await self.add(stored, tenant, f"s{i}") for i in range(len(definitions))]
        async with stored.writing(tenant) as unit:
            for segment, conditions in zip(added, definitions, strict=True):
                definition = Group.model_validate({"logic": "AND", "conditions": conditions})
                await unit.save_segment(tenant, replace(segment, definition=definition))
        async with stored.reading() as unit:
            segments = await unit.segments_with_instants(tenant, 5)
            assert [segment.id for segment in segments] == [added[0].id, added[3].id]
            assert [segment.id for segment in await unit.segments_with_instants(tenant, 1)] == [added[0].id]
            assert list(await unit.segments_with_instants(tenant + 1_000_000, 5)) == []

    async def test_segments_with_the_same_definition_are_returned(self, stored: Stored, tenant: int) -> None:
        first, second = await self.add(stored, tenant), await self.add(stored, tenant, "Other")
        same = first.definition_hash
        async with stored.reading() as unit:
            assert list(await unit.segments_with_definition(tenant, same, 5)) == [first.id, second.id]
            assert list(await unit.segments_with_definition(tenant, same, 1)) == [first.id]
            assert list(await unit.segments_with_definition(tenant + 1_000_000, same, 5)) == []
        async with stored.writing(tenant) as unit:
            await unit.save_segment(tenant, replace(second, definition=referring()))
            await unit.delete_segment(tenant, first.id, NOW)
        async with stored.reading() as unit:
            assert list(await unit.segments_with_definition(tenant, same, 5)) == []
            changed = replace(second, definition=referring()).definition_hash
            assert list(await unit.segments_with_definition(tenant, changed, 5)) == [second.id]

    async def test_references_follow_the_definition(self, stored: Stored, tenant: int) -> None:
        first, second = await self.add(stored, tenant), await self.add(stored, tenant, "Other")
        user = await self.add_referring(stored, tenant, first.id)
        async with stored.writing(tenant) as unit:
            segment = await unit.find_segment((tenant,), user)
            assert segment is not None
            await unit.save_segment(tenant, replace(segment, definition=referring(second.id)))
            assert set(await unit.find_referrers(tenant, first.id)) == set()
            assert set(await unit.find_referrers(tenant, second.id)) == {user}
            assert (await unit.reference_graph(tenant, (user,)))[user] == node_of(referring(second.id))
        async with stored.writing(tenant) as unit:
            await unit.delete_segment(tenant, user, NOW)
            assert set(await unit.find_referrers(tenant, second.id)) == set()
            assert await unit.reference_graph(tenant, (user,)) == {}
            assert await unit.list_reachable(tenant, (user,)) == []

    async def test_the_first_referrers_are_shown(self, stored: Stored, tenant: int) -> None:
        hub = (await self.add(stored, tenant)).id
        async with stored.writing(tenant) as unit:
            users = [
                (await unit.add_segment(tenant, new_segment(tenant, f"User {number}", referring(hub)), NOW)).id
                for number in range(MAX_SHOWN_REFERRERS + 1)
            ]
        async with stored.reading() as unit:
            shown = await unit.find_segment((tenant,), hub)
            assert shown is not None
            assert shown.referenced_by == tuple(users[:-1])
            assert set(await unit.find_referrers(tenant, hub)) == set(users)

    async def test_a_transaction_that_raises_stores_nothing(self, stored: Stored, tenant: int) -> None:
        async def fail() -> None:
            async with stored.writing(tenant) as unit:
                segment = await unit.add_segment(tenant, new_segment(tenant), NOW)
                await unit.put_segment_change(tenant, segment.to_message())
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await fail()
        async with stored.reading() as unit:
            assert await unit.list_segments((tenant,), 0, 10) == []
        assert tenant not in {owner for owner, _ in await drain(stored)}

    async def test_a_name_is_taken_until_its_segment_is_deleted(self, stored: Stored, tenant: int) -> None:
        first, other = await self.add(stored, tenant), await self.add(stored, tenant, "Other")
        with pytest.raises(NameTaken):
            await self.add(stored, tenant)
        with pytest.raises(NameTaken):
            async with stored.writing(tenant) as unit:
                await unit.save_segment(tenant, replace(other, name="Loyal"))
        await self.add(stored, new_tenant())
        async with stored.writing(tenant) as unit:
            await unit.delete_segment(tenant, first.id, NOW)
        again = await self.add(stored, tenant)
        async with stored.reading() as unit:
            assert await unit.segment_count((tenant,)) == 2
            assert [segment.id for segment in await unit.list_segments((tenant,), 0, 10)] == [other.id, again.id]
            assert await unit.find_segment((tenant,), first.id) is None

    async def test_segments_are_listed_ascending_by_id(self, stored: Stored, tenant: int) -> None:
        segments = [await self.add(stored, tenant, f"{number}") for number in range(4)]
        async with stored.reading() as unit:
            assert await unit.list_segments((tenant,), segments[0].id, 2) == segments[1:3]
            some = {segments[0].id, segments[2].id, EVERYTHING}
            assert await unit.list_segments((tenant,), 0, 9, among=some) == [segments[0], segments[2]]
            assert await unit.list_segments((tenant,), segments[0].id, 9, among=some) == [segments[2]]
            assert list(await unit.list_segments((tenant,), 0, 9, among=())) == []
            assert await unit.list_segments((tenant,), segments[0].id, 1, offset=1) == segments[2:3]
            assert await unit.segment_count((tenant,)) == len(segments)
            assert await unit.segment_count(()) == 0

    async def test_segments_are_selected(self, stored: Stored, tenant: int) -> None:
        made = {
            "Größe 100%": ("eu", "size"),
            "GRÖSSE_100": ("eu",),
            "Pricing": (),
            "Caf\u00e9": ("eu size",),
        }
        ids: dict[str, int] = {}
        async with stored.writing(tenant) as unit:
            for number, (name, tags) in enumerate(made.items()):
                about = "Für Straßen_50%" if name == "Pricing" else ""
                new = replace(new_segment(tenant, name), tags=tags, created_by=f"user:{number % 2}", description=about)
                segment = await unit.add_segment(tenant, new, NOW)
                assert (segment.tags, segment.created_by) == (tags, new.created_by)
                ids[name] = segment.id
            await unit.add_segment(tenant, replace(new_segment(tenant, "Priced"), tags=("gone",)), NOW)
        big, capital, pricing, cafe = made
        filters = {
            SegmentFilter(text="grösse"): [big, capital],
            SegmentFilter(text="GRÖßE 1"): [big],
            SegmentFilter(text="%"): [big, pricing],
            SegmentFilter(text="_"): [capital, pricing],
            SegmentFilter(text="cafe\u0301"): [cafe],
            SegmentFilter(text=str(ids[pricing])): [pricing],
            SegmentFilter(text="fu\u0308r STRASSEN_"): [pricing],
            SegmentFilter(text="50%"): [pricing],
            SegmentFilter(text="nothing"): [],
            SegmentFilter(tag="eu"): [big, capital],
            SegmentFilter(tag="size"): [big],
            SegmentFilter(tag="EU"): [],
            SegmentFilter(owner="user:1"): [capital, cafe],
            SegmentFilter(text="g", tag="eu", owner="user:0"): [big],
        }
        async with stored.reading() as unit:
            for only, names in filters.items():
                segments = await unit.list_segments((tenant,), 0, 10, only=only)
                assert ([segment.name for segment in segments], only) == (names, only)
                assert await unit.segment_count((tenant,), only) == len(names)
            one = await unit.list_segments((tenant,), ids[big], 1, only=SegmentFilter(tag="eu"))
            assert [segment.name for segment in one] == [capital]
            assert await unit.segment_count((tenant + 1_000_000,), SegmentFilter(tag="eu")) == 0
        async with stored.writing(tenant) as unit:
            (segment,) = await unit.list_segments((tenant,), 0, 1)
            await unit.save_segment(tenant, replace(segment, name="Renamed", tags=("new",), description="Once Größe"))
            described = await unit.list_segments((tenant,), 0, 9, only=SegmentFilter(text="ONCE"))
            assert [segment.id for segment in described] == [ids[big]]
            renamed = await unit.list_segments((tenant,), 0, 9, only=SegmentFilter(text="renamed", tag="new"))
            assert [(segment.id, segment.created_by) for segment in renamed] == [(ids[big], "user:0")]
            assert await unit.segment_count((tenant,), SegmentFilter(text="größe")) == 2

    async def test_a_saved_segment_is_read_unchanged(self, stored: Stored, tenant: int) -> None:
        segment = await self.add(stored, tenant)
        saved = replace(segment, definition=definition(1e300), version=2, updated_at=NOW + timedelta(seconds=1))
        async with stored.writing(tenant) as unit:
            await unit.save_segment(tenant, saved)
        async with stored.reading() as unit:
            assert await unit.find_segment((tenant,), segment.id) == saved

    async def test_versions_are_found_by_number_and_listed_newest_first(self, stored: Stored, tenant: int) -> None:
        segment, other = await self.add(stored, tenant), await self.add(stored, tenant, "other")
        async with stored.writing(tenant) as unit:
            for number in (3, 7):
                await unit.add_version(tenant, version_of(segment, number))
        async with stored.reading() as unit:
            assert await unit.newest_versions(tenant, {segment.id: 6, other.id: 9, EVERYTHING: 9}) == {
                segment.id: version_of(segment, 3),
                other.id: version_of(other),
            }
            assert await unit.newest_versions(tenant, {segment.id: 0}) == {}
            assert await unit.newest_versions(tenant, {}) == {}
            assert await unit.newest_versions(tenant + 1_000_000, {segment.id: 7}) == {}
            listed = await unit.list_versions(tenant, segment.id, EVERYTHING, 2)
            assert [version.number for version in listed] == [7, 3]
            assert [version.number for version in await unit.list_versions(tenant, segment.id, 3, 2)] == [1]
            assert list(await unit.list_versions(tenant + 1_000_000, segment.id, EVERYTHING, 2)) == []
            assert await unit.list_versions(tenant, segment.id, EVERYTHING, 1, offset=1) == listed[1:]
            assert await unit.version_count(tenant, segment.id) == 3
            assert await unit.version_count(tenant + 1_000_000, segment.id) == 0
