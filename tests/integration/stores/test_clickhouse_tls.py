"""ClickHouse over HTTPS: a private authority is trusted, and the name is checked."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from segops_common.stores.clickhouse import ClickHouse, ClickHouseUnavailable
from tests.shared.certificates import Authority
from tests.shared.tls_lines import ClickHouseTlsLine


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


@pytest.fixture
async def https_url(clickhouse_url: str, authority: Authority) -> AsyncIterator[str]:
    port = urlsplit(clickhouse_url).port
    assert port is not None
    line = ClickHouseTlsLine(target_port=port, tls=authority.server_context("127.0.0.1"))
    await line.start()
    yield clickhouse_url.replace("http://", "https://").replace(f":{port}/", f":{line.port}/")
    await line.stop()


async def test_rows_are_written_and_read_over_https(https_url: str, authority: Authority) -> None:
    client = ClickHouse(url=https_url, ca_file=authority.ca_file)
    await client.command("CREATE TABLE over_https (number UInt64) ENGINE = MergeTree ORDER BY number")
    await client.insert("over_https", [(1,), (2,)], ["number"])
    await client.insert_json_lines("over_https", b'{"number": 3}\n')
    assert (await client.query("SELECT sum(number) FROM over_https")).rows[0][0] == 6
    chunks = client.stream("SELECT number FROM over_https ORDER BY number", {}, fmt="CSV")
    assert b"".join([chunk async for chunk in chunks]) == b"1\n2\n3\n"
    await client.check()
    await client.close()


async def test_another_authority_or_name_is_refused(https_url: str, authority: Authority, tmp_path: Path) -> None:
    for url, ca_file in (
        (https_url, None),
        (https_url, Authority(tmp_path, "other").ca_file),
        (https_url.replace("127.0.0.1", "localhost"), authority.ca_file),
    ):
        client = ClickHouse(url=url, ca_file=ca_file)
        with pytest.raises(ClickHouseUnavailable):
            await client.check()
        await client.close()


async def test_a_wrong_password_is_refused_and_not_shown(https_url: str, authority: Authority) -> None:
    parts = urlsplit(https_url)
    url = parts._replace(netloc=f"segops:hunter2@{parts.hostname}:{parts.port}").geturl()
    client = ClickHouse(url=url, ca_file=authority.ca_file)
    with pytest.raises(Exception, match=r"Authentication failed|REQUIRED_PASSWORD|516") as refused:
        await client.query("SELECT 1")
    assert "hunter2" not in str(refused.value)
    await client.close()
