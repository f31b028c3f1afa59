"""The contract of `Reporter`."""

from __future__ import annotations

from segops_common.contracts.jobs import RunningResult
from segops_membership.domain.publication import Attempt, MemberChanges
from tests.contract.membership.conftest import Ports
from tests.contract.membership.rows import publication, segment_result
from tests.corpus.builders import NOW, new_tenant

SEGMENTS = (segment_result(7), segment_result(8))


async def test_changes_of_a_run_are_found_from_where_the_log_ended(ports: Ports) -> None:
    tenant = new_tenant()
    run, other = (publication(tenant, Attempt(run_id, 1), segments=SEGMENTS) for run_id in (1, 2))
    await ports.reporter.report_changes(run, MemberChanges(7, "exited", ["before"]))
    starts = await ports.reporter.change_ends()
    await ports.reporter.report_changes(other, MemberChanges(7, "entered", ["of another run"]))
    of_another_tenant = publication(new_tenant(), Attempt(1, 1), segments=SEGMENTS)
    await ports.reporter.report_changes(of_another_tenant, MemberChanges(7, "entered", ["x"]))
    assert set(await ports.reporter.reported_since(tenant, 1, starts)) == set()
    users = ["ada", "ö\n", '"quoted"']
    await ports.reporter.report_changes(run, MemberChanges(7, "entered", users))
    await ports.reporter.report_changes(run, MemberChanges(8, "exited", ["ada"]))
    expected = {(7, user, "entered") for user in users} | {(8, "ada", "exited")}
    assert set(await ports.reporter.reported_since(tenant, 1, starts)) == expected


async def test_a_report_of_no_users_changes_nothing(ports: Ports) -> None:
    before = await ports.reporter.change_ends()
    await ports.reporter.report_changes(publication(new_tenant(), Attempt(1, 1)), MemberChanges(7, "entered", []))
    assert await ports.reporter.change_ends() == before


async def test_a_result_may_be_reported_again(ports: Ports) -> None:
    result = RunningResult(run_id=1, tenant_id=new_tenant(), at=NOW)
    for _ in range(2):
        await ports.reporter.report_result(result)
