"""Which shard of a warehouse gets an event."""

from __future__ import annotations

import orjson
import pytest
import xxhash

from segops_ingest.domain.rows import by_shards, dead_by_shards


def row(**fields: object) -> bytes:
    return orjson.dumps({"tenant_id": 1, "user_id": "", "anonymous_id": "", **fields}) + b"\n"


@pytest.mark.parametrize("profile", ["u", "user-7", "ünï", "日本語", 'a"b\\', "x" * 500])
@pytest.mark.parametrize("shards", [2, 3, 7])
def test_all_rows_of_a_profile_are_on_the_shard_of_its_key(profile: str, shards: int) -> None:
    rows = row(user_id=profile) + row(user_id=profile, anonymous_id="visitor") + row(anonymous_id=profile)
    assert by_shards(rows, shards) == {xxhash.xxh64_intdigest(profile.encode()) % shards: rows}


def test_each_row_is_on_one_shard_in_the_order_of_the_batch() -> None:
    lines = [row(user_id=f"user-{number}", n=number) for number in range(200)]
    shared = by_shards(b"".join(lines), 3)
    assert shared.keys() == {0, 1, 2}
    assert sorted(b"".join(shared.values()).splitlines(keepends=True)) == sorted(lines)
    for rows in shared.values():
        numbers = [orjson.loads(line)["n"] for line in rows.splitlines()]
        assert numbers == sorted(numbers)


def test_one_server_gets_the_bytes_as_they_are() -> None:
    assert by_shards(b"not JSON", 1) == dead_by_shards(b"not JSON", 1) == {0: b"not JSON"}


def test_rows_that_the_warehouse_will_refuse_are_sent_to_some_shard() -> None:
    rows = b"not JSON\n" + b"[1]\n" + row(user_id=5)
    assert b"".join(by_shards(rows, 2).values()) == rows


def test_dead_letters_of_a_tenant_are_on_one_shard() -> None:
    rows = row(tenant_id=4) + row(tenant_id=5) + row(tenant_id=4, n=1)
    assert dead_by_shards(rows.rstrip(b"\n"), 2) == {0: row(tenant_id=4) + row(tenant_id=4, n=1), 1: row(tenant_id=5)}
