"""A plan as lines for people, and as JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from segops_cli.code.plan import Action, Plan, Step
from segops_cli.code.remote import People
from segops_cli.output import plural

_SIGNS: Final[dict[Action, str]] = {"create": "+", "change": "~", "keep": " ", "delete": "-"}
_MAX_SHOWN: Final = 5


def plan_lines(plan: Plan) -> Iterator[str]:
    """Yield the lines of a plan."""
    for step in plan.changes:
        yield from _step_lines(step)
    kept = len(plan.steps) - len(plan.changes)
    counts = {action: sum(step.action == action for step in plan.steps) for action in _SIGNS}
    yield (
        f"{counts['create']} to create, {counts['change']} to change, {counts['delete']} to delete, {kept} left alone."
    )
    if plan.unmanaged:
        yield f"In no file, and left alone: {', '.join(repr(name) for name in plan.unmanaged)}."


def plan_json(plan: Plan) -> dict[str, Any]:
    """Return the plan for programs."""
    return {
        "steps": [_step_json(step) for step in plan.steps],
        "unmanaged": list(plan.unmanaged),
        "changes": len(plan.changes),
    }


def _step_lines(step: Step) -> Iterator[str]:
    yield f"{_SIGNS[step.action]} {step.action} {step.name!r}"
    for name, (before, after) in step.fields.items():
        yield f"    {name}: {before!r} -> {after!r}"
    for line in step.text_diff.splitlines():
        yield f"    {line}"
    if step.people is not None:
        yield from (f"    {line}" for line in _people_lines(step.people))
    if step.note:
        yield f"    note: {step.note}"
    yield ""


def _people_lines(people: People) -> Iterator[str]:
    yield f"members: {people.before:,} -> {people.after:,}"
    yield f"  enter: {_named(people.entering, people.entering_sample)}"
    yield f"  leave: {_named(people.leaving, people.leaving_sample)}"
    if people.incomplete:
        yield "  some acknowledged events are not counted yet"


def _named(count: int, sample: Sequence[str]) -> str:
    shown = sample[:_MAX_SHOWN]
    more = ", …" if len(shown) < count else ""
    return plural(count, "user") + (f" ({', '.join(shown)}{more})" if shown else "")


def _step_json(step: Step) -> dict[str, Any]:
    return {
        "action": step.action,
        "name": step.name,
        "segment_id": None if step.stored is None else step.stored.segment_id,
        "fields": {name: {"before": before, "after": after} for name, (before, after) in step.fields.items()},
        "text_diff": step.text_diff,
        "people": None if step.people is None else asdict(step.people),
        "note": step.note or None,
    }
