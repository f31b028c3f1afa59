"""Builders of tenants, events, definitions and jobs."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from types import MappingProxyType
from typing import Final

from pydantic import JsonValue

from segops_common.contracts.jobs import ComputeJob, JobSegment
from segops_language import Group
from segops_language.events import Event
from segops_membership.compiler.definitions import NO_REFERENCES

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOW_MS = 1_772_366_400_000
NO_LISTS: Final[Mapping[int, int]] = MappingProxyType({})

_tenants = itertools.count(Random().randrange(10**9) * 1000)
_messages = itertools.count()


def new_tenant() -> int:
    """Return a tenant that no other test has."""
    return next(_tenants)


def event(
    user: str, event_type: str = "login", *, at: int = NOW_MS - 1000, id: str = "", **payload: JsonValue
) -> Event:
    """Return an event; `at` in milliseconds."""
    return Event(user, event_type, id or f"m{next(_messages)}", at, payload)


def count(event_type: str = "login", operator: str = "gte", value: object = 1, **more: object) -> dict[str, object]:
    """Return a condition on a count."""
    return {"type": "event_count", "event_type": event_type, "operator": operator, "value": value, **more}


def group(*conditions: dict[str, object], logic: str = "AND", negate: bool = False) -> Group:
    """Return a definition."""
    return Group.model_validate({"logic": logic, "conditions": list(conditions), "negate": negate})


def job(
    tenant_id: int,
    run_id: int,
    segments: dict[int, Group],
    *,
    references: Mapping[int, Group] = NO_REFERENCES,
    lists: Mapping[int, int] = NO_LISTS,
    as_of: datetime = NOW,
    version: int = 1,
) -> ComputeJob:
    """Return a compute job; `lists` are static segments to compute, with the versions of their lists."""
    own, referenced = (
        tuple(JobSegment(id=id, version=version, definition=definition) for id, definition in definitions.items())
        for definitions in (segments, references)
    )
    static = tuple(
        JobSegment(id=id, version=version, definition=group(), list_version=list_version)
        for id, list_version in lists.items()
    )
    return ComputeJob(
        run_id=run_id,
        tenant_id=tenant_id,
        segments=(*own, *static),
        references=referenced,
        as_of=as_of,
        requested_by="user:1",
    )
