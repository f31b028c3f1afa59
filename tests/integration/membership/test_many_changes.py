"""A run whose segments change more than one statement should expand: in portions, and the same in the end."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final

import pytest
from pyroaring import BitMap

from segops_common.contracts.jobs import SucceededResult
from segops_common.stores.clickhouse import NO_SETTINGS, ClickHouse, Settings
from segops_membership.adapters.clickhouse.profiles import ClickHouseProfiles
from segops_membership.adapters.clickhouse.run_results import ClickHouseRunResults
from segops_membership.domain.digest import Digest
from segops_membership.domain.publication import Attempt, Publication, SegmentHead, SegmentOutcome
from tests.corpus.builders import NOW, NOW_MS, event, new_tenant
from tests.integration.membership.harness import MembershipHarness

USERS: Final = 20
BASE: Final = SegmentHead(Attempt(1, 1), NOW_MS - 1, Digest())


class Recording(ClickHouse):
    """The warehouse, with the segments of each insert of changes written down."""

    inserted: list[list[int]]

    async def command(
        self,
        sql: str,
        parameters: Mapping[str, Any] | None = None,
        *,
        settings: Settings = NO_SETTINGS,
        timeout_s: float | None = None,
    ) -> None:
        if sql.startswith("INSERT INTO membership_changes"):
            self.inserted.append(list((parameters or {})["segments"]))
        await super().command(sql, parameters, settings=settings, timeout_s=timeout_s)


def outcome(segment_id: int, *, entered: range, exited: range, members: range) -> SegmentOutcome:
    return SegmentOutcome(
        segment_id=segment_id,
        version=1,
        members=BitMap(members),
        base=None if segment_id == 1 else BASE,
        entered=BitMap(entered),
        exited=BitMap(exited),
        published=segment_id != 5,
    )


OUTCOMES: Final = [
    outcome(1, entered=range(1, 13), exited=range(0), members=range(1, 13)),
    outcome(2, entered=range(1, 5), exited=range(5, 9), members=range(1, 5)),
    outcome(3, entered=range(0), exited=range(0), members=range(1, 6)),
    outcome(4, entered=range(1, 2), exited=range(0), members=range(1, 6)),
    outcome(5, entered=range(0), exited=range(0), members=range(1, 8)),
]


@pytest.mark.parametrize(
    ("numbers_at_once", "portions"),
    [(1, [[1], [2], [4]]), (9, [[1], [2, 4]]), (2_000_000, [[1, 2, 4]])],
)
async def test_changes_are_written_and_summed_up_in_portions(
    harness: MembershipHarness, clickhouse_url: str, numbers_at_once: int, portions: list[list[int]]
) -> None:
    tenant, attempt = new_tenant(), Attempt(9, 9)
    await harness.insert(tenant, [event(f"user-{n}") for n in range(USERS)])
    await ClickHouseProfiles(clickhouse=harness.clickhouse).assign_numbers(tenant, 1, USERS, 1)
    recording = Recording(url=clickhouse_url)
    recording.inserted = []
    runs = ClickHouseRunResults(clickhouse=recording, numbers_at_once=numbers_at_once)
    await runs.write_outcomes(tenant, attempt, OUTCOMES, NOW_MS, NOW)
    await runs.write_changes(tenant, attempt, OUTCOMES, NOW + timedelta(seconds=1))
    digests = await runs.digests(tenant, attempt, OUTCOMES)
    await recording.close()

    assert recording.inserted == portions
    query = (
        "SELECT segment_id, countIf(change = 1), countIf(change = -1), uniqExact(user_key) FROM membership_changes"
        " WHERE tenant_id = {t:UInt64} AND run_id = 9 AND fence = 9 GROUP BY segment_id ORDER BY segment_id"
    )
    rows = await harness.clickhouse.query(query, {"t": tenant})
    assert [tuple(map(int, row)) for row in rows.rows] == [(1, 12, 0, 12), (2, 4, 4, 8), (4, 1, 0, 1)]
    at_once = await ClickHouseRunResults(clickhouse=harness.clickhouse).digests(tenant, attempt, OUTCOMES)
    assert digests == at_once
    assert digests[3] == Digest()
    assert digests[5] != Digest(), "what is not published is summed up whole"


@pytest.mark.parametrize("names_at_once", [1, 5, 50_000])
async def test_each_change_is_read_once_however_few_names_fit(harness: MembershipHarness, names_at_once: int) -> None:
    tenant, attempt = new_tenant(), Attempt(9, 9)
    names = [f"user-{n}" for n in range(USERS)]
    await harness.insert(tenant, [event(name) for name in names])
    await ClickHouseProfiles(clickhouse=harness.clickhouse).assign_numbers(tenant, 1, USERS, 1)
    runs = ClickHouseRunResults(clickhouse=harness.clickhouse, names_at_once=names_at_once)
    await runs.write_outcomes(tenant, attempt, OUTCOMES, NOW_MS, NOW)
    result = SucceededResult(
        run_id=9,
        tenant_id=tenant,
        at=NOW,
        segments=tuple(outcome.result(Digest()) for outcome in OUTCOMES),
    )
    publication = Publication(
        tenant_id=tenant,
        number=1,
        attempt=attempt,
        base_run_id=0,
        as_of_ms=NOW_MS,
        at=NOW,
        result=result,
    )

    outcome_found = [
        (changed.segment_id, changed.change, user_id)
        async for changed in runs.changes(tenant, publication)
        for user_id in changed.user_ids
    ]

    numbered = await harness.clickhouse.query(
        "SELECT n, user_id FROM profiles FINAL WHERE tenant_id = {t:UInt64}", {"t": tenant}
    )
    users = {int(n): str(user_id) for n, user_id in numbered.rows}
    assert set(users.values()) == set(names)
    assert sorted(outcome_found) == sorted(
        (outcome.segment_id, change, users[n])
        for outcome in OUTCOMES
        for change, numbers in (("entered", outcome.entered), ("exited", outcome.exited))
        for n in numbers
    )
