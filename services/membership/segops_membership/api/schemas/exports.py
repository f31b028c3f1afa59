"""Requests and responses of exports."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from segops_common.contracts.http import SEGMENTS_PREFIX
from segops_common.web.fields import ListResponse, list_example
from segops_membership.api.schemas.bases import EXAMPLE_INSTANT, RequestBody, Response
from segops_membership.domain.members.exports import Export, ExportStatus

_ID: Final = "019b76da-a800-7000-8000-000000000000"
EXPORT_EXAMPLE: Final[JsonDict] = {
    "id": _ID,
    "segment_id": 42,
    "status": "complete",
    "format": "csv",
    "run_id": "12",
    "member_count": 1204,
    "rows": 1204,
    "progress": 1.0,
    "created_at": EXAMPLE_INSTANT,
    "finished_at": "2026-01-31T09:00:02Z",
    "expires_at": "2026-02-01T09:00:02Z",
    "download_url": f"{SEGMENTS_PREFIX}/exports/{_ID}/download/",
}


class ExportRequest(RequestBody):
    """The format of a file with all members."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"format": "csv"}]})

    format: Literal["csv", "ndjson", "parquet"]


class ExportRequested(Response):
    """An export that was queued."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"export_id": _ID, "status": "pending"}]})

    export_id: str
    status: str


class ExportRead(Response):
    """An export. It is of the newest publication at the time of its request."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXPORT_EXAMPLE]})

    id: str
    segment_id: int
    status: ExportStatus
    format: str
    run_id: str = Field(description="The run whose publication is exported.")
    member_count: int = Field(description="The number of members, which is the number of rows of the file.")
    rows: int = Field(description="The number of rows written so far; for Parquet and S3 known at the end.")
    progress: float = Field(description="`rows` as a share of all members, from 0 to 1.")
    created_at: datetime
    finished_at: datetime | None
    expires_at: datetime | None = Field(description="When the file is removed. Null until the export has ended.")
    download_url: str | None = Field(
        description="The address of the file: a path on the host of this API, such as"
        f" `{SEGMENTS_PREFIX}/exports/{_ID}/download/`. Send the same credential and follow redirects. Null until the export is"
        " complete."
    )
    problem: Literal["publication-gone", "export-failed"] | None = Field(
        default=None, description="Why the export failed. Null unless it did. Request a new one."
    )

    @classmethod
    def of(cls, export: Export) -> ExportRead:
        """Return the response for an export."""
        path = f"{SEGMENTS_PREFIX}/exports/{export.id}/download/"
        return cls.model_validate(
            {
                "id": export.id,
                "segment_id": export.segment_id,
                "status": export.status,
                "format": str(export.member_format),
                "run_id": str(export.publication.run_id),
                "member_count": export.total,
                "rows": export.rows,
                "progress": export.progress,
                "created_at": export.created_at,
                "finished_at": export.finished_at,
                "expires_at": export.expires_at,
                "download_url": path if export.status is ExportStatus.COMPLETE else None,
                "problem": export.problem,
            }
        )


class ExportList(ListResponse[ExportRead]):
    """Exports of a segment, newest first."""

    model_config = list_example(f"{SEGMENTS_PREFIX}/42/export/", EXPORT_EXAMPLE)
