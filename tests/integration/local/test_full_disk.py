"""ClickHouse on a disk that is almost full: it refuses to write while its reserve is touched, and goes on afterwards."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from segops_common.stores.clickhouse import ClickHouse, ClickHouseUnavailable
from segops_local.engines import ClickHouseEngine
from segops_local.engines.clickhouse_config import FREE_BYTES
from tests.faults.product.disk import CANNOT, limited_disk


@pytest.fixture
async def on_a_small_disk(tmp_path: Path) -> AsyncIterator[tuple[ClickHouse, Path]]:
    """ClickHouse on a disk of limited size, and the disk."""
    with limited_disk(tmp_path / "disk") as is_limited:
        if not is_limited:
            pytest.skip(CANNOT)
        engine = ClickHouseEngine(tmp_path / "disk" / "clickhouse")
        await engine.start()
        clickhouse = ClickHouse(url=engine.url)
        yield clickhouse, tmp_path / "disk"
        await clickhouse.close()
        await engine.stop()


async def test_it_stops_writing_before_the_disk_is_full(on_a_small_disk: tuple[ClickHouse, Path]) -> None:
    clickhouse, disk = on_a_small_disk
    await clickhouse.command("CREATE TABLE kept (n UInt64) ENGINE = MergeTree ORDER BY n")
    await clickhouse.command("INSERT INTO kept VALUES (1)")
    space = os.statvfs(disk)
    filler = os.open(disk / "filler", os.O_WRONLY | os.O_CREAT)
    try:
        os.posix_fallocate(filler, 0, space.f_bavail * space.f_frsize - FREE_BYTES)
        with pytest.raises(ClickHouseUnavailable, match="NOT_ENOUGH_SPACE"):
            await clickhouse.command("INSERT INTO kept VALUES (2)")
        assert (await clickhouse.query("SELECT n FROM kept")).rows == [(1,)]
    finally:
        os.close(filler)
        (disk / "filler").unlink()
    await clickhouse.command("INSERT INTO kept VALUES (2)")
    assert (await clickhouse.query("SELECT n FROM kept ORDER BY n")).rows == [(1,), (2,)]
