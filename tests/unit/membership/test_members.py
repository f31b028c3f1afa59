"""Members of a segment and its history over HTTP, on memory adapters."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta

import pytest

from segops_membership.ports.errors import EngineUnavailable
from tests.corpus.builders import NOW, group, job
from tests.unit.membership.api import EMPTY, EXPORT, HISTORY, MEMBERS, SEGMENT, UNKNOWN, Api, ids, slug
from tests.unit.membership.harness import TENANT

PATHS = [MEMBERS, HISTORY, EXPORT]


@pytest.mark.parametrize("path", PATHS)
async def test_callers_of_every_kind(api: Api, path: str) -> None:
    credentials = ("ApiKey writer", "ApiKey theirs", "Bearer stranger")
    answers = [await api.get(path, credential) for credential in credentials]
    assert (await api.get(path, None)).status_code == 401
    assert [slug(answer) for answer in answers] == [
        (403, "insufficient-scope"),
        (404, "not-found"),
        (403, "insufficient-role"),
    ]
    assert (await api.get(path, "Bearer viewer")).status_code == 200
    for unknown in (UNKNOWN, 0, -1, 2**63 - 1):
        answer = await api.get(path.replace(str(SEGMENT), str(unknown)))
        assert answer.json()["detail"] == answers[1].json()["detail"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "limit=x", "cursor=x", "cursor=W10", "page=0", "page=1&cursor=W10", "what=1"]
)
async def test_pages_that_cannot_be_read_are_refused(api: Api, path: str, query: str) -> None:
    answer = await api.get(f"{path}?{query}")
    assert answer.status_code in (400, 422), answer.text
    assert answer.json()["errors"][0]["path"].startswith("query.")


async def test_members_have_the_documented_envelope(api: Api) -> None:
    answer = (await api.get(MEMBERS)).json()
    since = (NOW + timedelta(seconds=1)).isoformat().replace("+00:00", "Z")
    assert sorted(answer.pop("results"), key=lambda member: member["user_id"]) == [
        {"user_id": user_id, "computed_at": since} for user_id in ("ada", "bob")
    ]
    assert answer == {"count": 2, "next": None, "previous": None, "next_cursor": None}


async def test_a_segment_that_was_never_computed_has_no_members_and_no_file(api: Api) -> None:
    path = MEMBERS.replace(str(SEGMENT), str(EMPTY))
    assert (await api.get(path)).json()["count"] == 0
    refused = [
        await api.get(path, format="csv"),
        await api.post(EXPORT.replace(str(SEGMENT), str(EMPTY)), {"format": "csv"}),
    ]
    assert [slug(answer) for answer in refused] == [(409, "never-computed")] * 2


async def test_a_walk_sees_one_publication_while_others_are_published(api: Api) -> None:
    users = [f"user-{number}" for number in range(23)]
    await api.publish(2, *users)
    expected, walked, cursor = {"ada", "bob", *users}, [], None
    for run_id in range(3, 100):
        page = (await api.get(MEMBERS, limit=4, **({"cursor": cursor} if cursor else {}))).json()
        assert page["count"] == len(expected)
        walked += [member["user_id"] for member in page["results"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
        assert f"cursor={cursor}" in page["next"]
        await api.publish(run_id, f"later-{run_id}")
    assert len(walked) == len(set(walked))
    assert set(walked) == expected
    assert len(ids(await api.get(MEMBERS, limit=1000))) > len(expected)


async def test_a_walk_by_page_number_is_complete(api: Api) -> None:
    await api.publish(2, *(f"user-{number}" for number in range(7)))
    walked: list[str] = []
    link = f"{MEMBERS}?page=1&page_size=4"
    while link:
        page = (await api.get(link)).json()
        walked += [member["user_id"] for member in page["results"]]
        link = page["next"]
    assert (len(walked), len(set(walked))) == (9, 9)


async def test_members_as_of_an_instant_and_by_prefix(api: Api) -> None:
    await api.membership.compute.run(job(TENANT, 2, {SEGMENT: group(logic="OR")}, as_of=NOW + timedelta(hours=1)))
    before = await api.get(MEMBERS, as_of=NOW.isoformat())
    assert (ids(before), ids(await api.get(MEMBERS))) == ({"ada", "bob"}, set())
    matching = await api.get(MEMBERS, as_of=NOW.isoformat(), q="ad")
    assert (ids(matching), matching.json()["count"]) == ({"ada"}, None)


async def test_a_cursor_of_a_publication_that_is_gone(api: Api) -> None:
    cursor = (await api.get(MEMBERS, limit=1)).json()["next_cursor"]
    other_segment = await api.get(MEMBERS.replace(str(SEGMENT), str(EMPTY)), cursor=cursor)
    api.membership.run_results.visible.clear()
    gone = await api.get(MEMBERS, cursor=cursor)
    assert [slug(answer) for answer in (other_segment, gone)] == [(400, "invalid-cursor"), (410, "publication-gone")]
    assert "Start anew without `cursor`" in gone.json()["detail"]


@pytest.mark.parametrize(
    ("accept", "media_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/csv", "text/csv"),
        ("application/json;q=0.1, text/*;q=0.5", "text/csv"),
        ("text/csv;q=0, */*", "application/json"),
        ("application/x-ndjson, application/json", "application/json"),
        ("application/x-ndjson, application/json;q=0.9", "application/x-ndjson"),
    ],
)
async def test_accept_chooses_the_format(api: Api, accept: str | None, media_type: str) -> None:
    answer = await api.get(MEMBERS, headers={"Accept": accept} if accept else None)
    assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, media_type)


async def test_files_have_all_members(api: Api) -> None:
    as_csv = await api.get(MEMBERS, format="csv", headers={"Accept": "application/json"})
    as_ndjson = await api.get(MEMBERS, headers={"Accept": "application/x-ndjson"})
    assert as_csv.headers["content-disposition"] == 'attachment; filename="segment-42-members.csv"'
    header, *rows = csv.reader(io.StringIO(as_csv.text))
    assert (header, {row[0] for row in rows}) == (["user_id", "computed_at"], {"ada", "bob"})
    assert {json.loads(line)["user_id"] for line in as_ndjson.text.splitlines()} == {"ada", "bob"}


@pytest.mark.parametrize(
    ("query", "accept", "expected"),
    [
        ("", "image/png", (406, "not-acceptable")),
        ("", "text/csv;q=x", (406, "not-acceptable")),
        ("format=xlsx", "*/*", (422, "validation-failed")),
        ("format=csv&limit=1", "*/*", (422, "validation-failed")),
        ("page=1", "text/csv", (422, "validation-failed")),
        ("format=csv&q=a", "*/*", (422, "validation-failed")),
        ("as_of=yesterday", "*/*", (422, "validation-failed")),
    ],
)
async def test_refused_files(api: Api, query: str, accept: str, expected: tuple[int, str]) -> None:
    assert slug(await api.get(f"{MEMBERS}?{query}", headers={"Accept": accept})) == expected


async def test_a_file_that_breaks_does_not_end(api: Api) -> None:
    api.membership.sets.breaks_after = 2
    with pytest.raises(EngineUnavailable):
        await api.get(MEMBERS, format="csv")
    api.membership.sets.breaks_after = 0
    assert slug(await api.get(MEMBERS, format="csv")) == (503, "upstream-unavailable")
    api.membership.sets.breaks_after = None
    assert (await api.get(MEMBERS, format="csv")).status_code == 200


async def test_downloads_of_a_tenant_are_limited(api: Api) -> None:
    with api.membership.downloads.admitted(TENANT), api.membership.downloads.admitted(TENANT):
        refused = await api.get(MEMBERS, format="csv")
        assert slug(refused) == (429, "rate-limited")
        assert "2 downloads open" in refused.json()["detail"]
    assert (await api.get(MEMBERS, format="csv")).status_code == 200


async def test_without_the_warehouse_there_is_no_empty_list(api: Api) -> None:
    api.membership.sets.reachable = False
    for path in (MEMBERS, HISTORY):
        answer = await api.get(path)
        assert (slug(answer), answer.headers["retry-after"]) == ((503, "upstream-unavailable"), "1")


async def test_the_history_of_publications(api: Api) -> None:
    await api.publish(2, "eve")
    first, rest = await api.get(HISTORY, limit=1), await api.get(HISTORY, page=2, page_size=1)
    assert (first.json()["count"], first.json()["next_cursor"] is not None) == (2, True)
    (newest,), (oldest,) = first.json()["results"], rest.json()["results"]
    assert [newest[name] for name in ("run_id", "member_count", "entered", "exited")] == ["2", 3, 1, 0]
    assert [oldest[name] for name in ("run_id", "member_count", "entered", "exited")] == ["1", 2, 2, 0]
    following = await api.get(HISTORY, limit=1, cursor=first.json()["next_cursor"])
    assert following.json()["results"] == [oldest]


async def test_the_history_by_day_has_every_day(api: Api) -> None:
    api.membership.clock.advance(2 * 86_400)
    await api.publish(2, "eve")
    days = (await api.get(HISTORY, interval="day", days=4)).json()["days"]
    assert [day["member_count"] for day in days] == [0, 2, 2, 3]
    assert [day["entered"] for day in days] == [0, 2, 0, 1]
    assert days[-1]["day"] == api.membership.clock.now().date().isoformat()
    assert len((await api.get(HISTORY, interval="day")).json()["days"]) == 30
    for query in ("days=0", "days=367", "interval=hour", "interval=day&page=2"):
        assert (await api.get(f"{HISTORY}?{query}")).status_code == 422
