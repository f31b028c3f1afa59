"""Options of `backup` and `restore`: what is wrong is said before anything is asked, read or made."""

from __future__ import annotations

from pathlib import Path

import pytest

from segops_cli.backup.addresses import clickhouse_url, postgres_target, redis_url
from segops_cli.errors import CliError
from tests.e2e.cli.terminal import Terminal
from tests.shared.certificates import Authority

PASSPHRASE = "a passphrase for tests"
POSTGRES = "postgresql://postgres:hunter2@127.0.0.1:1/segops"
CLICKHOUSE = "http://segops:hunter2@127.0.0.1:1/segops"
REDIS = "redis://:hunter2@127.0.0.1:1/0"

WRONG = {
    "--redis-url": [
        "redis+sentinel://:hunter2@host:26379/main/0",
        "rediss+cluster://:hunter2@host:1,other:2",
        "redis://:hunter2@host:1,other:2/0",
        "rediss://:hunter2@host/0?ssl_cert_reqs=none",
        "redis://:hunter2@host:port/0",
        "redis://:hunter2@host/main",
        "unix:///run/redis?password=hunter2",
        "hunter2",
        "",
    ],
    "--clickhouse-url": [
        "clickhouse://segops:hunter2@host:9000/segops",
        "https://segops:hunter2@one:8443,two:8443/segops",
        "https://segops:hunter2@one,two/segops",
        "http://segops:hunter2@[host/segops",
        "http://segops:hunter2@host:8123/segops?verify=0",
        "http://segops:hunter2@host:8123/segops/more",
        "http://segops:hunt#er2@host:8123/segops",
        "http://segops:hunt\x00er2@host:8123/segops",
        "http://segops:hunter2@host:99999/segops",
    ],
    "--postgres-url": [
        "mysql://postgres:hunter2@host/segops",
        "postgresql://postgres:hunter2@host:port/segops",
        "postgresql://postgres:hunt@er2@host:5432/segops",
        "postgresql://postgres:hunter2@host/segops?sslmode=hunter2",
        "postgresql://postgres:hunter2@host/segops?sslrootcert=hunter2",
    ],
}


def options(folder: Path, **changed: str) -> list[str]:
    values = {"--postgres-url": POSTGRES, "--clickhouse-url": CLICKHOUSE, "--redis-url": REDIS, **changed}
    return [*(part for pair in values.items() for part in pair), "--secrets", str(folder)]


@pytest.mark.parametrize(("option", "url"), [(option, url) for option, urls in WRONG.items() for url in urls])
async def test_a_wrong_address_is_refused_and_not_shown(option: str, url: str, tmp_path: Path) -> None:
    """The archive does not exist: the address is looked at first."""
    arguments = options(tmp_path / "secrets", **{option: url})
    outcome = await Terminal(tmp_path).run("restore", tmp_path / "missing.tar", *arguments, stdin=PASSPHRASE)
    assert (outcome.code, outcome.out) == (2, "")
    assert "must be" in outcome.err
    assert "hunt" not in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "secrets").exists()


async def test_a_missing_option_makes_no_folder(tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    outcome = await Terminal(tmp_path).run("restore", tmp_path / "missing.tar", "--secrets", secrets, stdin=PASSPHRASE)
    assert outcome.code == 2
    assert "--postgres-url must be given" in outcome.err
    assert not secrets.exists()
    secrets.mkdir()
    again = await Terminal(tmp_path).run("restore", tmp_path / "missing.tar", *options(secrets), stdin=PASSPHRASE)
    assert again.code == 2
    assert "secrets exists" in again.err


async def test_certificates_must_be_readable(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.touch()
    for file in (empty, tmp_path / "missing.pem", tmp_path):
        terminal = Terminal(tmp_path, {"SEGOPS_CA_FILE": str(file)})
        arguments = options(tmp_path / "secrets")
        outcome = await terminal.run("restore", tmp_path / "missing.tar", *arguments, stdin=PASSPHRASE)
        assert outcome.code == 2
        assert "SEGOPS_CA_FILE must be" in outcome.err


def test_addresses_that_are_taken(tmp_path: Path) -> None:
    for url in ("redis://host", REDIS, "rediss://user:p%40ss@[::1]:6380/15"):
        assert redis_url(url) == url
    for url in ("http://host:8123", CLICKHOUSE, "https://user:p%40ss@[::1]:8443/segops/"):
        assert clickhouse_url(url) == url
    ca_file = Authority(tmp_path).ca_file
    for scheme in ("postgres", "postgresql", "postgresql+asyncpg"):
        target = postgres_target(f"{scheme}://a:+asyncpg@host/segops", ca_file)
        assert (target.url, target.tls) == ("postgresql://a:+asyncpg@host/segops", None)
    assert postgres_target(f"{POSTGRES}?sslmode=require", None).tls == "require"
    assert postgres_target(f"{POSTGRES}?sslmode=disable", None).tls is False
    assert postgres_target(f"{POSTGRES}?sslmode=verify-full", ca_file).url == POSTGRES
    with pytest.raises(CliError, match="SEGOPS_CA_FILE"):
        postgres_target(f"{POSTGRES}?sslmode=verify-ca", tmp_path / "missing.pem")
