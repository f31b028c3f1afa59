"""The contract of `MembershipReader`: what lookups see of the results of runs."""

from __future__ import annotations

from segops_membership.domain.publication import Attempt
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import number_users, outcome, publication, publish
from tests.corpus.builders import NOW, NOW_MS, new_tenant


async def segments_of(
    ports: Ports, tenant: int, user: str, number: int, as_of_ms: int | None = None
) -> tuple[int, ...]:
    return (await ports.reader.segments_of(tenant, [user], number, as_of_ms))[user]


async def test_nobody_sees_an_attempt_before_its_publication(ports: Ports) -> None:
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, "ada")
    outcomes = [outcome(1, [numbers["ada"]], entered=[numbers["ada"]])]
    attempt, crashed = Attempt(1, 2), Attempt(1, 1)
    for item in (crashed, attempt):
        await ports.results.write_outcomes(tenant, item, outcomes, NOW_MS, NOW)
        await ports.results.write_changes(tenant, item, outcomes, NOW)
    assert await ports.reader.publication_numbers([tenant]) == {}
    assert await segments_of(ports, tenant, "ada", 1) == ()
    for _ in range(2):
        await ports.results.make_visible(tenant, publication(tenant, attempt, number=1))
    assert await ports.reader.publication_numbers([tenant, new_tenant()]) == {tenant: 1}
    assert await segments_of(ports, tenant, "ada", 1) == (1,)


async def test_the_last_change_of_each_segment_decides(ports: Ports) -> None:
    tenant = new_tenant()
    ada = (await number_users(ports, tenant, "ada"))["ada"]
    entering = [outcome(id, [ada], entered=[ada]) for id in (20, 10)]
    await publish(ports, tenant, Attempt(1, 1), entering, number=1, as_of_ms=NOW_MS)
    await publish(ports, tenant, Attempt(2, 1), [outcome(20, [], exited=[ada])], number=2, as_of_ms=NOW_MS + 1)
    assert await segments_of(ports, tenant, "ada", 1) == (10, 20)
    assert await segments_of(ports, tenant, "ada", 2) == (10,)
    assert await segments_of(ports, tenant, "nobody", 2) == ()
    assert await segments_of(ports, new_tenant(), "ada", 2) == ()
    assert await ports.reader.publication_numbers([tenant]) == {tenant: 2}


async def test_users_are_read_together_and_each_has_its_own_segments(ports: Ports) -> None:
    tenant, names = new_tenant(), ["ada", "ö", "bob"]
    numbers = await number_users(ports, tenant, *names)
    ada, other, bob = (numbers[name] for name in names)
    entering = [outcome(10, [ada, bob], entered=[ada, bob]), outcome(20, [bob, other], entered=[bob, other])]
    await publish(ports, tenant, Attempt(1, 1), entering, number=1, as_of_ms=NOW_MS)
    await publish(ports, tenant, Attempt(2, 1), [outcome(20, [other], exited=[bob])], number=2, as_of_ms=NOW_MS + 1)
    users = [*names, "nobody"]
    assert await ports.reader.segments_of(tenant, users, 1, None) == {
        "ada": (10,),
        "ö": (20,),
        "bob": (10, 20),
        "nobody": (),
    }
    assert (await ports.reader.segments_of(tenant, users, 2, None))["bob"] == (10,)
    assert (await ports.reader.segments_of(tenant, users, 2, NOW_MS))["bob"] == (10, 20)


async def test_an_instant_leaves_later_publications_out(ports: Ports) -> None:
    tenant = new_tenant()
    ada = (await number_users(ports, tenant, "ada"))["ada"]
    await publish(ports, tenant, Attempt(1, 1), [outcome(1, [ada], entered=[ada])], number=1, as_of_ms=NOW_MS)
    await publish(ports, tenant, Attempt(2, 1), [outcome(1, [], exited=[ada])], number=2, as_of_ms=NOW_MS + 10)
    segments = [await segments_of(ports, tenant, "ada", 2, NOW_MS + ms) for ms in (-1, 0, 9, 10)]
    assert segments == [(), (1,), (1,), ()]


async def test_the_warehouse_answers(ports: Ports) -> None:
    await ports.reader.check()
