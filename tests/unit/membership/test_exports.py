"""Exports over HTTP and their worker, on memory adapters."""

from __future__ import annotations

from typing import Any

import pytest

from segops_membership.domain.members.exports import KEPT_FOR, LISTED_FOR, MAX_ATTEMPTS, MAX_OPEN
from segops_membership.domain.publication import Attempt
from segops_membership.ports.errors import EngineUnavailable
from tests.unit.membership.api import EMPTY, EXPORT, SEGMENT, Api, slug
from tests.unit.membership.harness import TENANT, Crash


async def test_an_export_is_requested_polled_and_downloaded(api: Api) -> None:
    requested = await api.post(EXPORT, {"format": "csv"})
    export_id = requested.json()["export_id"]
    assert (requested.status_code, requested.json()) == (202, {"export_id": export_id, "status": "pending"})
    waiting = (await api.get(EXPORT, export_id=export_id)).json()
    assert (waiting["status"], waiting["progress"], waiting["download_url"]) == ("pending", 0.0, None)
    path = f"/api/segments/exports/{export_id}/download/"
    assert slug(await api.get(path)) == (409, "export-not-complete")
    # The export is of the publication at its request, whatever is published before a worker takes it.
    await api.publish(2, "eve")
    assert await api.membership.run_exports.run_next()
    assert not await api.membership.run_exports.run_next()
    export = (await api.get(EXPORT, export_id=export_id)).json()
    assert [export[name] for name in ("status", "format", "rows", "progress", "run_id", "download_url")] == [
        *("complete", "csv", 2, 1.0, "1"),
        path,
    ]
    file = await api.get(export["download_url"])
    assert (file.headers["content-type"].partition(";")[0], file.text.count("\n")) == ("text/csv", 3)
    assert int(file.headers["content-length"]) == len(file.content)


async def test_exports_are_of_their_tenant_and_segment(api: Api) -> None:
    export_id = await api.finished()
    path = f"/api/segments/exports/{export_id}/download/"
    refused = [
        await api.get(EXPORT, "ApiKey theirs", export_id=export_id),
        await api.get(path, "ApiKey theirs"),
        await api.get(EXPORT.replace(str(SEGMENT), str(EMPTY)), export_id=export_id),
        await api.post(EXPORT, {"format": "csv"}, "ApiKey theirs"),
    ]
    assert [slug(answer) for answer in refused] == [(404, "not-found")] * 4
    assert (await api.get(path, None)).status_code == 401
    assert slug(await api.get(path, "ApiKey writer")) == (403, "insufficient-scope")
    bodies: list[Any] = [{}, {"format": "xlsx"}, {"format": "csv", "what": 1}, {"format": None}, []]
    for body in bodies:
        assert (await api.post(EXPORT, body)).status_code == 422
    assert (await api.get(EXPORT, export_id="x")).status_code == 422
    assert (await api.get("/api/segments/exports/x/download/")).status_code == 422


async def test_the_exports_of_a_segment_are_listed(api: Api) -> None:
    expected = [await api.finished("ndjson") for _ in range(3)][::-1]
    first = (await api.get(EXPORT, limit=2)).json()
    rest = (await api.get(EXPORT, limit=2, cursor=first["next_cursor"])).json()
    assert [item["id"] for item in first["results"] + rest["results"]] == expected
    assert (first["count"], rest["next_cursor"]) == (3, None)


async def test_a_tenant_has_a_limit_of_open_exports(api: Api) -> None:
    answers = [await api.post(EXPORT, {"format": "csv"}) for _ in range(MAX_OPEN + 1)]
    assert [answer.status_code for answer in answers] == [202] * MAX_OPEN + [429]


async def test_a_file_expires_and_its_export_is_forgotten_later(api: Api) -> None:
    export_id = await api.finished()
    path = f"/api/segments/exports/{export_id}/download/"
    await api.membership.run_exports.remove_expired()
    assert (await api.get(path)).status_code == 200
    api.membership.clock.advance(KEPT_FOR.total_seconds())
    assert slug(await api.get(path)) == (410, "export-expired")
    await api.membership.run_exports.remove_expired()
    assert api.membership.files.files == {}
    assert (await api.get(EXPORT, export_id=export_id)).json()["status"] == "complete"
    api.membership.clock.advance(LISTED_FOR.total_seconds())
    await api.membership.run_exports.remove_expired()
    assert slug(await api.get(EXPORT, export_id=export_id)) == (404, "not-found")


@pytest.mark.parametrize("point", ["before_export_file", "after_export_file"])
async def test_an_export_outlives_its_worker(api: Api, point: str) -> None:
    requested = await api.post(EXPORT, {"format": "csv"})
    api.membership.faults.armed = point
    with pytest.raises(Crash):
        await api.membership.run_exports.run_next()
    assert not await api.membership.run_exports.run_next()
    api.membership.clock.advance(31)
    assert await api.membership.run_exports.run_next()
    assert len(api.membership.files.files) == 1
    export = (await api.get(EXPORT, export_id=requested.json()["export_id"])).json()
    assert export["status"] == "complete"


async def test_an_export_fails_after_its_last_attempt(api: Api) -> None:
    requested = await api.post(EXPORT, {"format": "csv"})
    api.membership.files.reachable = False
    for _ in range(MAX_ATTEMPTS - 1):
        with pytest.raises(EngineUnavailable):
            await api.membership.run_exports.run_next()
    assert await api.membership.run_exports.run_next()
    failed = (await api.get(EXPORT, export_id=requested.json()["export_id"])).json()
    assert (failed["status"], failed["problem"], failed["download_url"]) == ("failed", "export-failed", None)


async def test_an_export_of_a_publication_that_is_gone_fails(api: Api) -> None:
    requested = await api.post(EXPORT, {"format": "csv"})
    del api.membership.run_results.visible[TENANT, Attempt(1, 1)]
    assert await api.membership.run_exports.run_next()
    failed = (await api.get(EXPORT, export_id=requested.json()["export_id"])).json()
    assert (failed["status"], failed["problem"]) == ("failed", "publication-gone")
