"""Members of definitions as a worker finds them on ClickHouse."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from segops_common.stores.clickhouse import ClickHouse
from segops_language import Group
from segops_language.events import Event
from segops_language.reference.evaluate import NO_USERS
from segops_membership.adapters.clickhouse.evaluation import ClickHouseEvaluation
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles
from segops_membership.compiler.definitions import NO_REFERENCES, compile_definition
from segops_membership.domain.predicates import StaticListPredicate, predicates_of
from segops_membership.domain.set_algebra import ReferencedSegment, members
from tests.corpus.builders import new_tenant
from tests.corpus.cases import SEGMENT
from tests.corpus.lists import FIRST_VERSION, LAST_VERSION
from tests.corpus.scenario import LISTED
from tests.integration.membership.harness import insert_deliveries, insert_lists


async def members_by_sql(
    clickhouse: ClickHouse,
    events: Sequence[Event],
    definitions: Sequence[Group],
    as_of_ms: int,
    *,
    references: Mapping[int, Group] = NO_REFERENCES,
    lists: Mapping[int, frozenset[str]] = NO_USERS,
    tenant: int | None = None,
) -> list[frozenset[str]]:
    """Return the members of each definition, all of them in one job, in a tenant of their own."""
    tenant = new_tenant() if tenant is None else tenant
    await insert_deliveries(clickhouse, tenant, events)
    await insert_lists(clickhouse, tenant, lists, LISTED)
    predicates = {segment_id: StaticListPredicate(segment_id, FIRST_VERSION, LAST_VERSION) for segment_id in lists}
    names = await number_profiles(clickhouse, tenant, predicates.values())
    expressions = [
        compile_definition(definition, as_of_ms, segment_id=SEGMENT, references=references, lists=predicates)
        for definition in definitions
    ]
    evaluation = ClickHouseEvaluation(clickhouse=clickhouse)
    result = await evaluation.evaluate(tenant, predicates_of(*expressions), as_of_ms)
    referred: dict[int, ReferencedSegment] = {}
    bitmaps = [members(expression, result.members, result.universe, referred) for expression in expressions]
    return [frozenset(names[n] for n in bitmap) for bitmap in bitmaps]


async def number_profiles(
    clickhouse: ClickHouse, tenant: int, lists: Collection[StaticListPredicate] = ()
) -> Mapping[int, str]:
    """Number the profiles of a tenant and return their ids by number."""
    profiles = ClickHouseProfiles(clickhouse=clickhouse)
    await profiles.assign_numbers(tenant, 1000, await profiles.count_pending(tenant, lists), 1, lists)
    rows = await clickhouse.query("SELECT n, user_id FROM profiles FINAL WHERE tenant_id = {t:UInt64}", {"t": tenant})
    return {int(n): str(user_id) for n, user_id in rows.rows}
