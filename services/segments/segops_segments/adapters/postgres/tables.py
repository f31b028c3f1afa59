"""The tables of schema `segments`, and how rows become values."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from pydantic import TypeAdapter

from segops_common.contracts.jobs import RunProblem, RunProgress
from segops_language import Group, to_json
from segops_segments.domain.run import NewRun, Outcome, Run
from segops_segments.domain.segment import Segment, Version, definition_bytes

SCHEMA: Final = "segments"
_metadata = sa.MetaData(schema=SCHEMA)
_TIME = sa.DateTime(timezone=True)

segments = sa.Table(
    "segments",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("name", sa.Text),
    sa.Column("segment_type", sa.Text),
    sa.Column("definition", sa.JSON),
    sa.Column("definition_bytes", sa.Integer),
    sa.Column("definition_hash", sa.Text),
    sa.Column("description", sa.Text),
    sa.Column("refresh", sa.Text),
    sa.Column("version", sa.BigInteger),
    sa.Column("created_at", _TIME),
    sa.Column("updated_at", _TIME),
    sa.Column("deleted_at", _TIME),
)
versions = sa.Table(
    "versions",
    _metadata,
    sa.Column("segment_id", sa.BigInteger, primary_key=True),
    sa.Column("number", sa.BigInteger, primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("definition", sa.JSON),
    sa.Column("created_at", _TIME),
    sa.Column("created_by", sa.Text),
)
segment_references = sa.Table(
    "segment_references",
    _metadata,
    sa.Column("tenant_id", sa.BigInteger, primary_key=True),
    sa.Column("segment_id", sa.BigInteger, primary_key=True),
    sa.Column("refers_to", sa.BigInteger, primary_key=True),
)
runs = sa.Table(
    "runs",
    _metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("segment_id", sa.BigInteger, primary_key=True),
    sa.Column("version", sa.BigInteger),
    sa.Column("state", sa.Text),
    sa.Column("as_of", _TIME),
    sa.Column("fixed", sa.Boolean),
    sa.Column("requested_by", sa.Text),
    sa.Column("requested_at", _TIME),
    sa.Column("heard_at", _TIME),
    sa.Column("started_at", _TIME),
    sa.Column("finished_at", _TIME),
    sa.Column("attempts", sa.Integer),
    sa.Column("lease_until", _TIME),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("outcome", sa.JSON(none_as_null=True)),
    sa.Column("problem", sa.JSON(none_as_null=True)),
    sa.Column("progress", sa.JSON(none_as_null=True)),
)
# Written out, not bound: the conditions of the indexes `runs_served` and `runs_settled`.
SERVED: Final = sa.text("state = 'succeeded' AND (outcome->>'published') IS DISTINCT FROM 'false'")
SETTLED: Final = sa.text("state IN ('succeeded', 'failed') AND NOT fixed")
outbox = sa.Table(
    "outbox",
    _metadata,
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("tenant_id", sa.BigInteger),
    sa.Column("topic", sa.Text),
    sa.Column("value", sa.LargeBinary),
    sa.Column("traceparent", sa.Text),
    sa.Column("claimed", sa.Boolean),
    sa.Column("sent_at", _TIME),
)
lanes = sa.Table("outbox_lanes", _metadata, sa.Column("tenant_id", sa.BigInteger, primary_key=True))

_outcomes: Final[TypeAdapter[Outcome]] = TypeAdapter(Outcome)
_SEGMENT_COLUMNS: Final = ("id", "tenant_id", "name", "segment_type", "description", "refresh", "version")
_RUN_COLUMNS: Final = tuple(
    column.name for column in runs.columns if column.name not in ("id", "outcome", "problem", "progress", "tenant_id")
)


def segment_of(row: sa.RowMapping) -> Segment:
    """The segment in a row of `segments`."""
    return Segment(
        **{name: row[name] for name in _SEGMENT_COLUMNS},
        definition=Group.model_validate(row["definition"]),
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        referenced_by=tuple(row.get("referenced_by", ())),
    )


def row_of_segment(segment: Segment) -> dict[str, Any]:
    """What an update of `segments` writes."""
    return {
        "name": segment.name,
        "definition": to_json(segment.definition),
        "definition_bytes": definition_bytes(segment.definition),
        "definition_hash": segment.definition_hash,
        "description": segment.description,
        "refresh": segment.refresh,
        "version": segment.version,
        "updated_at": segment.updated_at,
    }


def is_due(before: datetime) -> sa.ColumnElement[bool]:
    """Whether a segment is to be computed every hour and has no run for a later time."""
    # Written out, not bound: the conditions of the index `segments_hourly`.
    hourly = (segments.c.refresh == sa.literal_column("'hourly'"), segments.c.deleted_at.is_(None))
    later = sa.exists().where(runs.c.segment_id == segments.c.id, sa.not_(runs.c.fixed), runs.c.as_of > before)
    return sa.and_(*hourly, segments.c.segment_type == "rule", sa.not_(later))


def version_of(row: sa.RowMapping) -> Version:
    """The version in a row of `versions`."""
    return Version(
        segment_id=row["segment_id"],
        number=row["number"],
        definition=Group.model_validate(row["definition"]),
        created_at=row["created_at"],
        created_by=row["created_by"],
    )


def run_of(row: sa.RowMapping) -> Run:
    """The run in a row of `runs`."""
    return Run(
        id=row["id"],
        tenant_id=row["tenant_id"],
        **{name: row[name] for name in _RUN_COLUMNS},
        outcome=None if row["outcome"] is None else _outcomes.validate_python(row["outcome"]),
        problem=None if row["problem"] is None else RunProblem.model_validate(row["problem"]),
        progress=None if row["progress"] is None else RunProgress.model_validate(row["progress"]),
    )


def row_of_new_run(run_id: int, tenant_id: int, new: NewRun) -> dict[str, Any]:
    """What an insert into `runs` writes of one segment."""
    return {
        "id": run_id,
        "tenant_id": tenant_id,
        "segment_id": new.segment_id,
        "version": new.version,
        "state": "queued",
        "as_of": new.as_of,
        "fixed": new.fixed,
        "requested_by": new.requested_by,
        "requested_at": new.requested_at,
        "attempts": 0,
    }


def row_of_run(run: Run) -> dict[str, Any]:
    """What an update of `runs` writes."""
    return {name: getattr(run, name) for name in _RUN_COLUMNS} | {
        "outcome": None if run.outcome is None else _outcomes.dump_python(run.outcome, mode="json"),
        "problem": None if run.problem is None else run.problem.model_dump(mode="json"),
        "progress": None if run.progress is None else run.progress.model_dump(mode="json"),
    }
