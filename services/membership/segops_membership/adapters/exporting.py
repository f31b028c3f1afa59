"""The place of the files of exports, as its address says."""

from __future__ import annotations

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from segops_common.core.clock import Clock
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.clickhouse.members.sets import ClickHouseMemberSets
from segops_membership.adapters.files.export_folder import ExportFolder
from segops_membership.adapters.s3.export_bucket import ExportBucket
from segops_membership.adapters.s3.presigned import S3Credentials
from segops_membership.ports.members.export_files import ExportFiles

EXPORT_SILENCE_S: Final = 300.0
"""How long the worker waits for the next bytes of a file."""


def export_files_at(
    url: str, key: tuple[str, str] | None, region: str, clickhouse: ClickHouse, clock: Clock
) -> ExportFiles | None:
    """Return the folder or the bucket, which needs a key; None without an address."""
    if key is not None:
        place = url.rstrip("/") + "/"
        return ExportBucket(url=place, credentials=S3Credentials(*key, region), clickhouse=clickhouse, clock=clock)
    if not url:
        return None
    sets = ClickHouseMemberSets(clickhouse=clickhouse, silence_s=EXPORT_SILENCE_S)
    return ExportFolder(folder=Path(unquote(urlsplit(url).path)), sets=sets)
