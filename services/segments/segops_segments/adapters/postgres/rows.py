"""Converting rows to domain values and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, Final

import sqlalchemy as sa
from pydantic import TypeAdapter

from segops_common.contracts.jobs import RunProblem, RunProgress
from segops_language import Group, content_hash, to_json
from segops_segments.adapters.postgres.tables import runs
from segops_segments.domain.run import Outcome, Run, RunPart
from segops_segments.domain.segment import NewSegment, Segment, Version, definition_bytes, searched_text

_references: Final = TypeAdapter(dict[int, int])
_outcomes: Final[TypeAdapter[Outcome]] = TypeAdapter(Outcome)
_SEGMENT_COLUMNS: Final = (
    *("id", "tenant_id", "name", "segment_type", "description", "refresh", "version", "list_size"),
    "created_by",
)
_JSON_COLUMNS: Final = ("references", "outcome", "problem", "progress")
_PART_COLUMNS: Final = tuple(
    column.name for column in runs.columns if column.name not in ("id", "tenant_id", *_JSON_COLUMNS)
)


def segment_of(row: sa.RowMapping) -> Segment:
    """Return the segment in a row of `segments`."""
    return Segment(
        **{name: row[name] for name in _SEGMENT_COLUMNS},
        definition=Group.model_validate(row["definition"]),
        tags=tuple(row["tags"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        referenced_by=tuple(row.get("referenced_by", ())),
    )


def segment_values(segment: Segment | NewSegment) -> dict[str, Any]:
    """Return the columns of `segments` that a caller can change, with those that follow from the definition."""
    return {
        "name": segment.name,
        "searched_name": searched_text(segment.name),
        "definition": to_json(segment.definition),
        "definition_bytes": definition_bytes(segment.definition),
        "definition_hash": content_hash(segment.definition),
        "description": segment.description,
        "searched_description": searched_text(segment.description),
        "refresh": segment.refresh,
        "tags": list(segment.tags),
    }


def version_of(row: sa.RowMapping) -> Version:
    """Return the version in a row of `versions`."""
    return Version(
        segment_id=row["segment_id"],
        number=row["number"],
        definition=Group.model_validate(row["definition"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
    )


def version_values(tenant_id: int, version: Version) -> dict[str, Any]:
    """Return the columns of `versions`."""
    return {
        "segment_id": version.segment_id,
        "number": version.number,
        "tenant_id": tenant_id,
        "definition": to_json(version.definition),
        "created_at": version.created_at,
        "created_by": version.created_by,
    }


def part_of(row: sa.RowMapping) -> RunPart:
    """Return the part of a run in a row of `runs`."""
    return RunPart(
        run_id=row["id"],
        tenant_id=row["tenant_id"],
        **{name: row[name] for name in _PART_COLUMNS},
        references=None if row["references"] is None else _references.validate_python(row["references"]),
        outcome=None if row["outcome"] is None else _outcomes.validate_python(row["outcome"]),
        problem=None if row["problem"] is None else RunProblem.model_validate(row["problem"]),
        progress=None if row["progress"] is None else RunProgress.model_validate(row["progress"]),
    )


def runs_of(rows: Iterable[sa.RowMapping]) -> Sequence[Run]:
    """Return the runs in rows of `runs` of one tenant, which must be ascending by id."""
    return [Run.of_parts(list(parts)) for _, parts in groupby(map(part_of, rows), key=lambda part: part.run_id)]


def part_values(part: RunPart) -> dict[str, Any]:
    """Return the columns of `runs` without the key."""
    return {name: getattr(part, name) for name in _PART_COLUMNS if name != "segment_id"} | {
        "references": None if part.references is None else dict(part.references),
        "outcome": None if part.outcome is None else _outcomes.dump_python(part.outcome, mode="json"),
        "problem": None if part.problem is None else part.problem.model_dump(mode="json"),
        "progress": None if part.progress is None else part.progress.model_dump(mode="json"),
    }
