"""Links to files in S3-compatible storage, and their removal, against a server on this machine."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from pydantic import SecretStr, ValidationError

from segops_common.stores.clickhouse import ClickHouse
from segops_membership.adapters.s3.export_bucket import ExportBucket
from segops_membership.adapters.s3.presigned import S3Credentials, presigned
from segops_membership.domain.members.exports import Export
from segops_membership.domain.members.sets import MemberFormat
from segops_membership.domain.publication import Attempt
from segops_membership.ports.errors import EngineUnavailable
from segops_membership.settings import Settings
from segops_testkit.clock import ManualClock
from tests.corpus.builders import NOW

CREDENTIALS = S3Credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
EXPORT = Export(
    tenant_id=1,
    id="019b76da-a800-7000-8000-000000000000",
    segment_id=42,
    member_format=MemberFormat.CSV,
    publication=Attempt(1, 1),
    total=1,
    created_at=NOW,
)


class Storage(BaseHTTPRequestHandler):
    """Answers every DELETE with one status, and keeps the targets."""

    status = 204
    targets: list[str] = []  # noqa: RUF012 one list for the server of a test

    def do_DELETE(self) -> None:
        self.targets.append(self.path)
        self.send_response(self.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Write nothing."""


@contextmanager
def storage(status: int) -> Iterator[tuple[str, list[str]]]:
    """Yield the address of a storage and the targets that were deleted."""
    targets: list[str] = []
    handler = type("Handler", (Storage,), {"status": status, "targets": targets})
    server = HTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/bucket/", targets
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def bucket(url: str) -> ExportBucket:
    clickhouse = ClickHouse(url="http://127.0.0.1:1/none")
    return ExportBucket(url=url, credentials=CREDENTIALS, clickhouse=clickhouse, clock=ManualClock(NOW))


def test_the_signature_of_the_published_example() -> None:
    url = presigned(
        "GET",
        "https://examplebucket.s3.amazonaws.com/test.txt",
        CREDENTIALS,
        at=datetime(2013, 5, 24, tzinfo=UTC),
        seconds=86_400,
    )
    assert url.endswith("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


async def test_a_link_names_the_file_and_shows_no_secret() -> None:
    link = await bucket("https://bucket.example.com/exports/").open(1, EXPORT)
    assert link.url.startswith(f"https://bucket.example.com/exports/{EXPORT.id}.csv?X-Amz-Algorithm=AWS4-HMAC-SHA256&")
    assert "X-Amz-Expires=3600" in link.url
    assert CREDENTIALS.secret not in link.url + repr(CREDENTIALS)


@pytest.mark.parametrize("status", [204, 404])
async def test_a_file_is_removed(status: int) -> None:
    with storage(status) as (url, targets):
        await bucket(url).remove(1, EXPORT)
    (target,) = targets
    assert target.startswith(f"/bucket/{EXPORT.id}.csv?")


async def test_a_storage_that_refuses_or_is_down() -> None:
    with storage(403) as (url, _), pytest.raises(EngineUnavailable, match="answered 403"):
        await bucket(url).remove(1, EXPORT)
    with pytest.raises(EngineUnavailable, match="does not answer"):
        await bucket(url).remove(1, EXPORT)


SETTINGS = {
    "postgres_url": "postgresql+asyncpg://segops@127.0.0.1/segops",
    "redis_url": "redis://127.0.0.1/0",
    "clickhouse_url": "http://127.0.0.1:1/segops",
    "event_log_url": "valkey://127.0.0.1:1/0",
    "auth_url": "http://127.0.0.1:1",
    "service_token": SecretStr("token"),
}
KEY = {"exports_access_key_id": CREDENTIALS.key_id, "exports_secret_access_key": SecretStr(CREDENTIALS.secret)}


@pytest.mark.parametrize(
    "place", [{}, {"exports_url": "file:///exports"}, {"exports_url": "https://b.example/", **KEY}]
)
def test_a_place_for_exports(place: dict[str, object]) -> None:
    assert Settings.model_validate(SETTINGS | place).exports_url == place.get("exports_url", "")


@pytest.mark.parametrize("url", ["s3://bucket/", "/exports", "bucket"])
def test_a_place_that_cannot_work_stops_the_start(url: str) -> None:
    with pytest.raises(ValidationError, match="SEGOPS_EXPORTS_URL must be") as refused:
        Settings.model_validate(SETTINGS | KEY | {"exports_url": url})
    assert CREDENTIALS.secret not in str(refused.value)


@pytest.mark.parametrize("missing", [*KEY])
def test_a_bucket_needs_a_key(missing: str) -> None:
    bucket = SETTINGS | KEY | {"exports_url": "https://b.example/"}
    assert Settings.model_validate(bucket).exports_key == (CREDENTIALS.key_id, CREDENTIALS.secret)
    without = {name: value for name, value in bucket.items() if name != missing}
    with pytest.raises(ValueError, match="SEGOPS_EXPORTS_ACCESS_KEY_ID"):
        _ = Settings.model_validate(without).exports_key
