"""Members of a segment through the gateway: by page, as files, and as an export."""

from __future__ import annotations

import asyncio
import struct

import httpx
import xxhash

from tests.e2e.people import Person, patient_client, sign_up
from tests.shared.client import RunningStack

USERS = 50_000
UPLOAD = {"Content-Type": "application/x-ndjson"}


def digest(user_ids: list[str]) -> str:
    """Return the digest of a run, as ARCHITECTURE.md says."""
    encoded = [user_id.encode() for user_id in user_ids]
    first, second = (
        sum(map(function, encoded)) % 2**64 for function in (xxhash.xxh64_intdigest, xxhash.xxh3_64_intdigest)
    )
    return f"{first:016x}{second:016x}"


async def exported(person: Person, segment: int, member_format: str) -> httpx.Response:
    """Request an export, wait for it, and download its file."""
    path = f"/api/segments/{segment}/export/"
    requested = await person.ask("POST", path, 202, {"format": member_format})
    async with asyncio.timeout(120):
        while True:
            export = await person.ask("GET", f"{path}?export_id={requested['export_id']}", 200)
            if export["status"] == "complete":
                break
            assert export["status"] in ("pending", "running"), export
            await asyncio.sleep(0.1)
    assert (export["progress"], export["rows"]) == (1.0, USERS)
    return await person.client.get(export["download_url"], headers=person.bearer)


async def test_members_are_listed_and_exported(valkey_stack: RunningStack) -> None:
    async with patient_client(valkey_stack.url) as client:
        person = await sign_up(client)
        body = {"name": "Partners", "tenant": person.tenant, "segment_type": "static"}
        segment = (await person.ask("POST", "/api/segments/", 201, body))["id"]
        path = f"/api/segments/{segment}/members/"
        lines = b"".join(b'"partner-%d"\n' % number for number in range(USERS))
        # One path, two services: the upload is for segments, what follows for membership.
        uploaded = await client.put(path, content=lines, headers=person.bearer | UPLOAD)
        run = await person.run_succeeds(segment, uploaded.json()["run_id"])

        page = await person.ask("GET", f"{path}?limit=1000&q=partner-499", 200)
        assert len(page["results"]) == 111
        as_ndjson = await client.get(path, headers=person.bearer | {"Accept": "application/x-ndjson"})
        user_ids = [line.split('"')[3] for line in as_ndjson.text.splitlines()]
        assert (len(user_ids), digest(user_ids)) == (USERS, run["digest"])

        as_csv = await exported(person, segment, "csv")
        rows = [line.split('"')[1] for line in as_csv.text.splitlines()[1:]]
        assert (len(rows), digest(rows)) == (USERS, run["digest"])
        # Parquet begins and ends with its mark. The footer, whose length comes before the mark, names the columns.
        parquet = (await exported(person, segment, "parquet")).content
        (footer,) = struct.unpack("<I", parquet[-8:-4])
        assert (parquet[:4], parquet[-4:]) == (b"PAR1", b"PAR1")
        assert all(name in parquet[-8 - footer :] for name in (b"user_id", b"computed_at"))

        history = await person.ask("GET", f"/api/segments/{segment}/history/", 200)
        assert [item["member_count"] for item in history["results"]] == [USERS]
