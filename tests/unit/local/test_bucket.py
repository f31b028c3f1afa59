"""A bucket for exports: the local ClickHouse reaches the one that is named, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from segops_local.engines.clickhouse_config import USERS, Bucket, write_config
from segops_local.errors import LocalError


def configured(folder: Path, bucket: Bucket | None) -> tuple[str, str]:
    """Return the configuration of the server and of its users."""
    passwords = {user.name: "password" for user in USERS}
    write_config(folder, data=folder / "data", port=8123, passwords=passwords, bucket=bucket)
    return (folder / "config.xml").read_text(), (folder / "users.xml").read_text()


def test_without_a_bucket_nobody_may_write_to_storage(tmp_path: Path) -> None:
    config, users = configured(tmp_path, None)
    assert "remote_url_allow_hosts" not in config
    assert "S3" not in users


def test_the_worker_may_write_into_the_bucket(tmp_path: Path) -> None:
    config, users = configured(tmp_path, Bucket("http://127.0.0.1:9000/exports"))
    assert "<remote_url_allow_hosts><host>127.0.0.1:9000</host></remote_url_allow_hosts>" in config
    (grant,) = re.findall(r"GRANT WRITE ON S3\('(.*)'\)", users)
    assert re.fullmatch(grant, "http://127.0.0.1:9000/exports/a.csv")
    for other in ("http://127.0.0.1:9000/exportsx/a.csv", "http://127x0.0.1:9000/exports/a", "http://127.0.0.1:9000/"):
        assert not re.fullmatch(grant, other)
    worker = users.partition("<segops_worker>")[2].partition("</segops_worker>")[0]
    assert grant in worker


@pytest.mark.parametrize(
    "url",
    ["https://bucket.example.com/", "http://127.0.0.1/exports/", "http://localhost:9000/", "file:///tmp", "", "x"],
)
def test_a_bucket_elsewhere_is_refused(url: str) -> None:
    with pytest.raises(LocalError, match=r"must be at http://127\.0\.0\.1:PORT/"):
        Bucket(url)
