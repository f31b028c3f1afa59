"""The contract of `Evaluation`; the members of each kind of predicate are compared with the reference elsewhere."""

from __future__ import annotations

from pyroaring import BitMap

from segops_language import Group
from segops_membership.compiler.definitions import compile_definition
from segops_membership.domain.predicates import Predicate, predicates_of
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import list_of, number_users, portion
from tests.corpus.builders import NOW_MS, count, event, group, new_tenant

LOGGED_IN, BOUGHT = group(count()), group(count("purchase"))


def predicates(*definitions: Group) -> frozenset[Predicate]:
    return predicates_of(*(compile_definition(definition, NOW_MS, segment_id=1) for definition in definitions))


async def test_members_are_given_by_their_numbers(ports: Ports) -> None:
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, "ada", "bob")
    await ports.store_events(tenant, [event("bob", "purchase"), event("bob", "purchase", at=NOW_MS + 1)])
    result = await ports.evaluation.evaluate(tenant, predicates(LOGGED_IN, BOUGHT), NOW_MS)
    (logged_in,), (bought,) = predicates(LOGGED_IN), predicates(BOUGHT)
    assert result.members == {logged_in: BitMap(numbers.values()), bought: BitMap([numbers["bob"]])}
    assert result.universe == BitMap(numbers.values())
    assert result.refused == {}
    assert result.rows_read > 0


async def test_profiles_without_a_number_are_left_out(ports: Ports) -> None:
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, "ada")
    await ports.store_events(tenant, [event("pending")])
    result = await ports.evaluation.evaluate(tenant, predicates(LOGGED_IN), NOW_MS)
    assert result.universe == BitMap(numbers.values())
    assert list(result.members.values()) == [BitMap(numbers.values())]


async def test_the_universe_are_the_profiles_with_events_by_then(ports: Ports) -> None:
    tenant = new_tenant()
    await ports.lists.store(tenant, [portion(tenant, 1, add=["listed"])])
    await ports.store_events(tenant, [event("early", at=NOW_MS), event("late", at=NOW_MS + 1)])
    await ports.profiles.assign_numbers(tenant, 1, 3, 1, [list_of(1, 1)])
    names = await ports.profiles.user_ids(tenant, [1, 2, 3])
    result = await ports.evaluation.evaluate(tenant, [list_of(1, 1)], NOW_MS)
    assert [names[n] for n in result.universe] == ["early"]
    assert [names[n] for n in result.members[list_of(1, 1)]] == ["listed"]


async def test_a_given_universe_is_returned(ports: Ports) -> None:
    tenant, universe = new_tenant(), BitMap([7])
    result = await ports.evaluation.evaluate(tenant, predicates(LOGGED_IN), NOW_MS, universe=universe)
    assert result.universe == universe


async def test_progress_adds_up_to_all_predicates(ports: Ports) -> None:
    progress: list[int] = []
    several = predicates(LOGGED_IN, BOUGHT, group(count("view", "gte", 2)))
    await ports.evaluation.evaluate(new_tenant(), several, NOW_MS, progress.append)
    assert sum(progress) == len(several)


async def test_the_statements_evaluate_each_predicate_once(ports: Ports) -> None:
    universe, *others = await ports.evaluation.queries(new_tenant(), predicates(LOGGED_IN, BOUGHT), NOW_MS)
    assert universe.predicates == 0
    assert sum(query.predicates for query in others) == 2


async def test_tenants_are_apart(ports: Ports) -> None:
    tenant = new_tenant()
    await number_users(ports, tenant, "ada")
    result = await ports.evaluation.evaluate(new_tenant(), predicates(LOGGED_IN), NOW_MS)
    assert (result.universe, list(result.members.values())) == (BitMap(), [BitMap()])
