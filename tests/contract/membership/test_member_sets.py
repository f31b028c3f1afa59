"""The contract of `MemberSets`: what readers see of the members of a segment, and of its history."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from segops_membership.domain.members.sets import DaySize, Member, MemberFormat, MemberSet
from segops_membership.domain.publication import Attempt
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import number_users, outcome, publish
from tests.corpus.builders import NOW, NOW_MS, new_tenant

SEGMENT = 42
AWKWARD = ('say "hi"', "two\nlines", 'Z"\n', "comma,", "ö😀", "'", "\\", "=1+1", 'Z""')
LATER = NOW + timedelta(hours=1)


async def publish_walk(ports: Ports, tenant: int) -> tuple[MemberSet, MemberSet]:
    """Publish `ada` and `bob`, then `ada` and `eve`, and return both sets."""
    n = await number_users(ports, tenant, "ada", "bob", "eve")
    first = [outcome(SEGMENT, [n["ada"], n["bob"]], entered=[n["ada"], n["bob"]])]
    second = [outcome(SEGMENT, [n["ada"], n["eve"]], entered=[n["eve"]], exited=[n["bob"]])]
    await publish(ports, tenant, Attempt(1, 1), first, number=1, as_of_ms=NOW_MS)
    await publish(ports, tenant, Attempt(2, 1), second, number=2, as_of_ms=NOW_MS + 1000, at=LATER)
    sets = [await ports.member_sets.find(tenant, SEGMENT, Attempt(run, 1)) for run in (1, 2)]
    assert sets[0] is not None
    assert sets[1] is not None
    return sets[0], sets[1]


async def user_ids(ports: Ports, tenant: int, members: MemberSet, **page: int | str) -> list[str]:
    rows = await ports.member_sets.page(tenant, SEGMENT, members, **{"limit": 10, **page})  # type: ignore[arg-type]
    return [member.user_id for member in rows]


async def file_of(ports: Ports, tenant: int, members: MemberSet, member_format: MemberFormat) -> bytes:
    return b"".join([chunk async for chunk in ports.member_sets.stream(tenant, SEGMENT, members, member_format)])


async def test_the_newest_set_is_the_last_one_published(ports: Ports) -> None:
    tenant = new_tenant()
    assert await ports.member_sets.newest(tenant, SEGMENT) is None
    first, second = await publish_walk(ports, tenant)
    assert first == MemberSet(Attempt(1, 1), NOW_MS, NOW, 2, 2, 0)
    assert second == MemberSet(Attempt(2, 1), NOW_MS + 1000, LATER, 2, 1, 1)
    assert await ports.member_sets.newest(tenant, SEGMENT) == second
    assert await ports.member_sets.newest(tenant, SEGMENT + 1) is None
    assert await ports.member_sets.newest(new_tenant(), SEGMENT) is None


async def test_a_set_as_of_an_instant(ports: Ports) -> None:
    tenant = new_tenant()
    first, second = await publish_walk(ports, tenant)
    instants = [NOW_MS - 1, NOW_MS, NOW_MS + 999, NOW_MS + 1000, -(2**55), 2**55]
    sets = [await ports.member_sets.newest(tenant, SEGMENT, instant) for instant in instants]
    assert sets == [None, first, first, second, None, second]


async def test_an_attempt_that_is_not_published_has_no_set(ports: Ports) -> None:
    tenant = new_tenant()
    n = await number_users(ports, tenant, "ada")
    crashed = Attempt(1, 1)
    await ports.results.write_outcomes(tenant, crashed, [outcome(SEGMENT, [n["ada"]])], NOW_MS, NOW)
    assert await ports.member_sets.find(tenant, SEGMENT, crashed) is None
    await publish(ports, tenant, Attempt(1, 2), [outcome(SEGMENT, [n["ada"]])], number=1, as_of_ms=NOW_MS)
    assert await ports.member_sets.find(tenant, SEGMENT, crashed) is None
    assert await ports.member_sets.find(tenant, SEGMENT, Attempt(1, 2)) is not None


async def test_members_have_the_time_of_their_last_entry(ports: Ports) -> None:
    tenant = new_tenant()
    first, second = await publish_walk(ports, tenant)
    n = (await number_users(ports, tenant, "ada", "bob", "eve"))["bob"]
    again = [outcome(SEGMENT, [n], entered=[n])]
    third_at = LATER + timedelta(hours=1)
    await publish(ports, tenant, Attempt(3, 1), again, number=3, as_of_ms=NOW_MS + 2000, at=third_at)
    third = await ports.member_sets.newest(tenant, SEGMENT)
    assert third is not None
    since = [
        {member.user_id: member.since for member in await ports.member_sets.page(tenant, SEGMENT, members, limit=10)}
        for members in (first, second, third)
    ]
    assert since == [{"ada": NOW, "bob": NOW}, {"ada": NOW, "eve": LATER}, {"bob": third_at}]


async def test_pages_are_ascending_and_complete(ports: Ports) -> None:
    tenant = new_tenant()
    names = [f"user-{number}" for number in range(25)]
    numbers = await number_users(ports, tenant, *names)
    everyone = list(numbers.values())
    await publish(
        ports, tenant, Attempt(1, 1), [outcome(SEGMENT, everyone, entered=everyone)], number=1, as_of_ms=NOW_MS
    )
    members = await ports.member_sets.newest(tenant, SEGMENT)
    assert members is not None
    rows: list[Member] = []
    after = -1
    while page := await ports.member_sets.page(tenant, SEGMENT, members, after=after, limit=10):
        rows += page
        after = page[-1].key
    assert [row.key for row in rows] == sorted({row.key for row in rows})
    assert {row.user_id for row in rows} == set(names)
    assert await user_ids(ports, tenant, members, offset=20) == [row.user_id for row in rows[20:]]
    assert sorted(await user_ids(ports, tenant, members, prefix="user-2")) == ["user-2", *names[20:]]
    assert await user_ids(ports, tenant, members, prefix="%") == []
    assert await user_ids(ports, tenant, members, after=2**64 - 1) == []


async def test_files_have_every_member(ports: Ports) -> None:
    tenant = new_tenant()
    numbers = await number_users(ports, tenant, *AWKWARD)
    everyone = list(numbers.values())
    await publish(
        ports, tenant, Attempt(1, 1), [outcome(SEGMENT, everyone, entered=everyone)], number=1, as_of_ms=NOW_MS
    )
    members = await ports.member_sets.newest(tenant, SEGMENT)
    assert members is not None
    expected = sorted((user_id, NOW.isoformat(timespec="milliseconds").replace("+00:00", "Z")) for user_id in AWKWARD)
    lines = (await file_of(ports, tenant, members, MemberFormat.NDJSON)).decode().splitlines()
    rows: Sequence[dict[str, str]] = [json.loads(line) for line in lines]
    assert sorted((row["user_id"], row["computed_at"]) for row in rows) == expected
    text = (await file_of(ports, tenant, members, MemberFormat.CSV)).decode()
    header, *cells = csv.reader(io.StringIO(text, newline=""))
    assert header == ["user_id", "computed_at"]
    assert sorted((user_id, since) for user_id, since in cells) == expected


async def test_an_empty_set_has_empty_files(ports: Ports) -> None:
    tenant = new_tenant()
    await publish(ports, tenant, Attempt(1, 1), [outcome(SEGMENT, [])], number=1, as_of_ms=NOW_MS)
    members = await ports.member_sets.newest(tenant, SEGMENT)
    assert members is not None
    assert await user_ids(ports, tenant, members) == []
    assert await file_of(ports, tenant, members, MemberFormat.NDJSON) == b""
    assert (await file_of(ports, tenant, members, MemberFormat.CSV)).strip() == b'"user_id","computed_at"'


async def test_the_history_is_newest_first(ports: Ports) -> None:
    tenant = new_tenant()
    first, second = await publish_walk(ports, tenant)
    history = ports.member_sets.history
    assert await history(tenant, SEGMENT, before_run=2**63 - 1, limit=10) == [second, first]
    assert await history(tenant, SEGMENT, before_run=2**63 - 1, limit=1) == [second]
    assert await history(tenant, SEGMENT, before_run=2**63 - 1, limit=1, offset=1) == [first]
    assert await history(tenant, SEGMENT, before_run=2, limit=10) == [first]
    counts = [await ports.member_sets.publication_count(tenant, segment) for segment in (SEGMENT, 43)]
    assert counts == [2, 0]


async def test_days_end_with_their_last_publication(ports: Ports) -> None:
    tenant = new_tenant()
    n = (await number_users(ports, tenant, "ada"))["ada"]
    outcomes = {
        datetime(2026, 1, 1, 23, 59, tzinfo=UTC): outcome(SEGMENT, [n], entered=[n]),
        datetime(2026, 1, 3, 0, 0, tzinfo=UTC): outcome(SEGMENT, [], exited=[n]),
        datetime(2026, 1, 3, 12, 0, tzinfo=UTC): outcome(SEGMENT, [n], entered=[n]),
        datetime(2026, 1, 4, 12, 0, tzinfo=UTC): outcome(SEGMENT, [], exited=[n]),
    }
    for number, (at, changed) in enumerate(outcomes.items(), 1):
        await publish(ports, tenant, Attempt(number, 1), [changed], number=number, as_of_ms=NOW_MS + number, at=at)
    one, three, four = date(2026, 1, 1), date(2026, 1, 3), date(2026, 1, 4)
    days = [DaySize(one, 1, 1, 0), DaySize(three, 1, 1, 1), DaySize(four, 0, 0, 1)]
    for first, expected in ((one, days), (date(2026, 1, 2), days), (three, days), (four, days[1:])):
        assert await ports.member_sets.daily(tenant, [SEGMENT, 43], first) == {SEGMENT: expected}
