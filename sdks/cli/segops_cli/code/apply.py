"""Carries out a plan. What is done stays done: after a failure, the next plan has the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from segops_cli.api.client import Api
from segops_cli.code.files import Declared
from segops_cli.code.plan import Plan, Step
from segops_cli.code.references import with_ids
from segops_cli.code.remote import Remote


def carry_out(api: Api, plan: Plan) -> Iterator[tuple[Step, int]]:
    """Yield each step that changed something, when it is done, with the id of its segment.

    A segment is changed only at the version that the plan saw, so a change made meanwhile is refused, not overwritten.
    """
    remote = Remote(api)
    ids = {segment.name: segment.segment_id for segment in remote.segments()}
    for step in plan.steps:
        if step.action == "create":
            ids[step.name] = _create(api, remote, step, ids)
        elif step.action == "change":
            _change(api, remote, step, ids)
        elif step.action == "delete":
            api.send("DELETE", f"/api/segments/{ids[step.name]}/", headers=_if_match(step))
        else:
            continue
        yield step, ids[step.name]


def _create(api: Api, remote: Remote, step: Step, ids: dict[str, int]) -> int:
    declared = _declared(step)
    body = {
        **api.tenant,
        "name": declared.name,
        "segment_type": declared.segment_type,
        "definition": remote.describe(with_ids(declared.text, ids)).definition,
        "description": declared.description,
        "refresh": declared.refresh,
        "tags": list(declared.tags),
    }
    return int(api.post("/api/segments/", body)["id"])


def _change(api: Api, remote: Remote, step: Step, ids: dict[str, int]) -> None:
    declared = _declared(step)
    body: dict[str, Any] = {}
    if step.changes_definition:
        body["definition"] = remote.describe(with_ids(declared.text, ids)).definition
    values = {"description": declared.description, "refresh": declared.refresh, "tags": list(declared.tags)}
    body |= {name: values[name] for name in step.fields}
    api.send("PATCH", f"/api/segments/{ids[step.name]}/", json=body, headers=_if_match(step))


def _if_match(step: Step) -> dict[str, str]:
    if step.stored is None:
        raise RuntimeError(f"{step.name!r} is changed, so the plan has its version")
    return {"If-Match": f'"{step.stored.version}"'}


def _declared(step: Step) -> Declared:
    if step.declared is None:
        raise RuntimeError(f"{step.name!r} is written, so a file declares it")
    return step.declared
