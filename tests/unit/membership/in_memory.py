"""Members of definitions by the compiler and the memory evaluation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segops_language import Group
from segops_language.events import Event
from segops_language.reference.evaluate import NO_USERS
from segops_membership.adapters.memory.evaluation import MemoryEvaluation
from segops_membership.adapters.memory.warehouse import MemoryWarehouse
from segops_membership.compiler.definitions import NO_REFERENCES, compile_definition
from segops_membership.domain.predicates import StaticListPredicate, predicates_of
from segops_membership.domain.set_algebra import ReferencedSegment, members
from tests.corpus.cases import SEGMENT
from tests.corpus.lists import FIRST_VERSION, LAST_VERSION, list_changes
from tests.corpus.scenario import LISTED

_TENANT = 1


async def members_in_memory(
    events: Sequence[Event],
    definitions: Sequence[Group],
    as_of_ms: int,
    *,
    references: Mapping[int, Group] = NO_REFERENCES,
    lists: Mapping[int, frozenset[str]] = NO_USERS,
) -> list[frozenset[str]]:
    """Return the members of each definition."""
    warehouse = MemoryWarehouse()
    rows = warehouse.tenant(_TENANT)
    rows.add_events(events)
    for segment_id, version, user_id, present in list_changes(lists, LISTED):
        rows.list_changes[segment_id][version, user_id] = present
    profile_ids = sorted({*rows.events, *frozenset().union(*lists.values())})
    rows.numbers.update({profile_id: n for n, profile_id in enumerate(profile_ids, 1000)})
    predicates = {segment_id: StaticListPredicate(segment_id, FIRST_VERSION, LAST_VERSION) for segment_id in lists}
    expressions = [
        compile_definition(definition, as_of_ms, segment_id=SEGMENT, references=references, lists=predicates)
        for definition in definitions
    ]
    result = await MemoryEvaluation(warehouse=warehouse).evaluate(_TENANT, predicates_of(*expressions), as_of_ms)
    referred: dict[int, ReferencedSegment] = {}
    bitmaps = [members(expression, result.members, result.universe, referred) for expression in expressions]
    return [frozenset(profile_ids[n - 1000] for n in bitmap) for bitmap in bitmaps]
