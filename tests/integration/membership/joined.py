"""Worlds with joined ids, stored on ClickHouse."""

from __future__ import annotations

from collections.abc import Sequence

from segops_common.stores.clickhouse import ClickHouse
from segops_language import Group
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.identity.merges import Resolution
from segops_membership.domain.predicates import StaticListPredicate, predicates_of
from segops_membership.domain.set_algebra import ReferencedSegment, members
from tests.corpus.cases import SEGMENT
from tests.corpus.joins import JoinedWorld
from tests.corpus.lists import FIRST_VERSION, LAST_VERSION
from tests.corpus.scenario import LISTED
from tests.integration.membership.differential import number_profiles
from tests.integration.membership.harness import event_row, insert_lists, insert_rows


async def store(clickhouse: ClickHouse, tenant: int, world: JoinedWorld) -> None:
    """Store the events, lists and merges of a world."""
    rows = [
        event_row(tenant, sent.event, offset, user_id=sent.user_id, anonymous_id=sent.anonymous_id, joins=sent.joins)
        for offset, sent in enumerate(world.events)
    ]
    await insert_rows(clickhouse, rows)
    await insert_lists(clickhouse, tenant, world.scenario.lists, LISTED)
    await store_merges(clickhouse, tenant, world.resolutions)


async def store_merges(clickhouse: ClickHouse, tenant: int, resolutions: Sequence[Resolution]) -> None:
    """Store merges, as their projection does, in two inserts."""
    merges = [
        (tenant, resolution.user_id, resolution.canonical_id, resolution.at, resolution.version)
        for resolution in resolutions
    ]
    columns = ("tenant_id", "user_id", "canonical_id", "at", "version")
    for part in (merges[1::2], merges[::2]):
        if part:
            await clickhouse.insert("identity_merges", part, columns)


async def members_of(
    clickhouse: ClickHouse, tenant: int, world: JoinedWorld, *, parts: Sequence[int] = (1,)
) -> list[frozenset[str]]:
    """Return the members of each definition of a stored world, as a worker finds them."""
    lists = {id: StaticListPredicate(id, FIRST_VERSION, LAST_VERSION) for id in world.scenario.lists}
    names = await number_profiles(clickhouse, tenant, lists.values())
    expressions = [
        compile_definition(
            definition, world.as_of_ms, segment_id=SEGMENT, references=world.scenario.references, lists=lists
        )
        for definition in world.definitions
    ]
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse, parts=parts)
    result = await evaluation.evaluate(tenant, predicates_of(*expressions), world.as_of_ms)
    referred: dict[int, ReferencedSegment] = {}
    bitmaps = [members(expression, result.members, result.universe, referred) for expression in expressions]
    return [frozenset(names[n] for n in bitmap) for bitmap in bitmaps]


async def differing(
    clickhouse: ClickHouse, tenant: int, world: JoinedWorld, *, parts: Sequence[int] = (1,)
) -> list[Group]:
    """Return the definitions whose members differ from the members by the reference."""
    by_sql = await members_of(clickhouse, tenant, world, parts=parts)
    results = zip(world.definitions, by_sql, strict=True)
    return [definition for definition, actual in results if actual != world.members(definition)]
