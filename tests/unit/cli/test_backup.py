"""Backups: a file that is complete or refused, secrets that need their passphrase, and rows that were decided."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path

import pytest

from segops_cli.backup.archive import new_archive, read_archive
from segops_cli.backup.decided import Decided
from segops_cli.backup.passphrase import opened, sealed
from segops_cli.errors import CliError

PASSPHRASE = "correct horse battery"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "backup.tar"
    with new_archive(path) as writer:
        writer.add("a/one", b"1" * 5000)
        writer.add("b/two", b"2")
        writer.finish({"fact": 7})
    return path


def test_an_archive_reads_back(archive: Path, tmp_path: Path) -> None:
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    with read_archive(archive) as reader:
        assert (reader.manifest["fact"], reader.names("a/"), reader.read("b/two")) == (7, ["a/one"], b"2")
        with reader.unpacked("a/one") as path:
            assert path.read_bytes() == b"1" * 5000
    assert [path.name for path in tmp_path.iterdir()] == ["backup.tar"]
    with pytest.raises(CliError, match="exists"), new_archive(archive):
        raise AssertionError("an archive is never replaced")


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.9])
def test_a_file_that_is_cut_or_changed_is_refused(archive: Path, share: float) -> None:
    content = archive.read_bytes()
    place = content.index(b"1" * 5000) + int(5000 * share)
    for damaged in (content[:place], content[:place] + b"0" + content[place + 1 :], b"text", b""):
        archive.write_bytes(damaged)
        with pytest.raises(CliError, match="no complete backup"), read_archive(archive):
            raise AssertionError("a damaged archive is never opened")


def test_an_interrupted_backup_leaves_no_file(tmp_path: Path) -> None:
    with suppress(RuntimeError), new_archive(tmp_path / "backup.tar") as writer:
        writer.add("one", b"1")
        raise RuntimeError("the disk is full")
    assert list(tmp_path.iterdir()) == []


def test_secrets_need_their_passphrase() -> None:
    secrets = {"secrets/api-key-pepper": "pepper"}
    data = sealed(secrets, PASSPHRASE)
    assert b"pepper" not in data
    assert opened(data, PASSPHRASE) == secrets
    for changed, passphrase in ((data, "another passphrase"), (data[:-9] + b"xxx" + data[-6:], PASSPHRASE)):
        with pytest.raises(CliError, match="not the one of this backup"):
            opened(changed, passphrase)
    with pytest.raises(CliError, match="at least 12"):
        sealed(secrets, "short")


def test_what_was_not_decided_is_left_out() -> None:
    """The engine runs these conditions in `make test-ops`. Here: a tenant without anything gets nothing."""
    nothing = Decided(tenants=(3,), heads={}, next_profiles={}, not_shown=(), lists={})
    for table in ("publications", "profiles", "static_members"):
        assert nothing.condition(table, ["tenant_id"]).endswith(("<= 0)", "< 0)"))
    assert nothing.condition("history_copies", ["name"]) == "1"
    some = Decided(tenants=(3,), heads={3: 8}, next_profiles={3: 5}, not_shown=[(3, 9, 2)], lists={(3, 7): 4})
    assert some.condition("events", ["tenant_id"]) == "tenant_id IN (toUInt64(0), toUInt64(3)) AND (1)"
    assert "(toUInt64(3), toUInt64(9), toUInt64(2))" in some.condition("segment_runs", ["tenant_id"])
    assert "['3/7'], [toUInt64(4)]" in some.condition("static_members", ["tenant_id"])
