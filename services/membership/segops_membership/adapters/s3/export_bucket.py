"""Files of exports in S3-compatible storage, which ClickHouse writes by itself."""

from __future__ import annotations

from typing import Final

import httpx

from segops_common.core.clock import Clock
from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.clickhouse.members.sets import FILE, FORMATS, STREAM_SETTINGS, set_values
from segops_membership.adapters.driver_errors import driver_errors
from segops_membership.adapters.s3.presigned import S3Credentials, presigned
from segops_membership.domain.members.exports import Export
from segops_membership.domain.members.sets import MemberSet
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.ports.members.export_files import FileLink, OnRows

LINK_S: Final = 3600
"""How long a link to a file holds."""
_ATTEMPTS: Final = 10
"""ClickHouse would try 500 times, most of an hour, while the export holds its worker."""
_WRITE_TIMEOUT_S: Final = 3600
_REQUEST_TIMEOUT_S: Final = 30
_REQUEST_S: Final = 300


class ExportBucket:
    """See the port `ExportFiles`. `url` is the address of the bucket, or of a folder in it, with a final slash."""

    def __init__(self, *, url: str, credentials: S3Credentials, clickhouse: ClickHouse, clock: Clock) -> None:
        self._url = url
        self._credentials = credentials
        self._clickhouse = clickhouse
        self._clock = clock

    async def write(self, tenant_id: int, export: Export, members: MemberSet, on_rows: OnRows) -> None:
        """See the port. S3 shows a file when all of it was sent. The rows are known at the end."""
        # ClickHouse hides the last argument of `s3` that is a secret in its logs, also when it is a parameter.
        values = {
            **set_values(tenant_id, export.segment_id, members),
            "url": self._url + export.file_name,
            "key_id": self._credentials.key_id,
            "secret": self._credentials.secret,
            "format": FORMATS[export.member_format],
        }
        target = "s3({url:String}, {key_id:String}, {secret:String}, {format:String})"
        settings = {**STREAM_SETTINGS, "s3_truncate_on_insert": 1, "s3_retry_attempts": _ATTEMPTS}
        with driver_errors():
            await self._clickhouse.command(
                f"INSERT INTO FUNCTION {target} {FILE}", values, settings=settings, timeout_s=_WRITE_TIMEOUT_S
            )
        on_rows(members.size)

    async def open(self, tenant_id: int, export: Export) -> FileLink:  # noqa: ARG002 ids are unique
        """See the port. Whether the file is there shows when the link is used."""
        return FileLink(self._signed("GET", export, LINK_S))

    async def remove(self, tenant_id: int, export: Export) -> None:  # noqa: ARG002 ids are unique
        """See the port."""
        try:
            async with httpx.AsyncClient(timeout=_REQUEST_TIMEOUT_S) as http:
                answer = await http.delete(self._signed("DELETE", export, _REQUEST_S))
        except httpx.HTTPError as error:
            raise EngineUnavailable("the storage of exports does not answer") from error
        if answer.status_code not in (200, 204, 404):
            raise EngineUnavailable(f"the storage of exports answered {answer.status_code}")

    def _signed(self, method: str, export: Export, seconds: int) -> str:
        return presigned(method, self._url + export.file_name, self._credentials, at=self._clock.now(), seconds=seconds)
