"""Backups: a file that is complete or refused, secrets that need their passphrase, and rows that were decided."""

from __future__ import annotations

import os
import stat
import tarfile
from contextlib import suppress
from pathlib import Path

import pytest

from segops_cli.backup.archive import new_archive, read_archive
from segops_cli.backup.decided import Decided, ListState
from segops_cli.backup.installation import read_secrets
from segops_cli.backup.passphrase import opened, sealed
from segops_cli.backup.suppressions import key_id
from segops_cli.errors import CliError
from segops_common.contracts.person_hash import PersonHash

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


def with_another_bit(content: bytes, place: int) -> bytes:
    """Return the content with one bit changed. Between the members of a tar, bits mean nothing."""
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_a_file_that_is_cut_or_changed_is_refused(archive: Path) -> None:
    content = archive.read_bytes()
    with tarfile.open(archive) as members:
        places = [
            member.offset_data + round((member.size - 1) * share)
            for member in members
            for share in (0, 0.1, 0.5, 0.9, 1)
        ]
    assert len(places) == 20
    for damaged in (*(with_another_bit(content, place) for place in places), content[: places[2]], b"text", b""):
        archive.write_bytes(damaged)
        with pytest.raises(CliError, match="no complete backup"), read_archive(archive):
            raise AssertionError("a damaged archive is never opened")


def test_a_backup_of_an_earlier_version_is_read(archive: Path) -> None:
    with tarfile.open(archive) as members:
        end = members.getmember("manifest.json.sha256").offset
    archive.write_bytes(archive.read_bytes()[:end] + bytes(1024))
    with read_archive(archive) as reader:
        assert reader.manifest["fact"] == 7


def test_an_interrupted_backup_leaves_no_file(tmp_path: Path) -> None:
    with suppress(RuntimeError), new_archive(tmp_path / "backup.tar") as writer:
        writer.add("one", b"1")
        raise RuntimeError("the disk is full")
    assert list(tmp_path.iterdir()) == []


def test_a_leftover_is_replaced_and_not_taken_over(tmp_path: Path) -> None:
    """An interrupted backup leaves a file. Its mode and its readers must not see the next backup."""
    leftover = tmp_path / ".backup.tar.unfinished"
    leftover.write_text("old")
    leftover.chmod(0o644)
    with leftover.open() as reader:
        with new_archive(tmp_path / "backup.tar") as writer:
            assert stat.S_IMODE(leftover.stat().st_mode) == 0o600
            writer.finish({})
        assert reader.read() == "old"
    assert stat.S_IMODE((tmp_path / "backup.tar").stat().st_mode) == 0o600


def test_a_second_backup_of_the_same_name_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "backup.tar"
    with new_archive(path) as writer:
        with pytest.raises(CliError, match="another backup writes"), new_archive(path):
            raise AssertionError("two backups never write one file")
        writer.finish({"fact": 7})
    with read_archive(path) as reader:
        assert reader.manifest["fact"] == 7


def test_what_is_not_a_file_of_ours_stays(tmp_path: Path) -> None:
    target, unfinished = tmp_path / "target", tmp_path / ".backup.tar.unfinished"
    target.write_text("kept")
    unfinished.symlink_to(target)
    with pytest.raises(CliError, match="cannot be written"), new_archive(tmp_path / "backup.tar"):
        raise AssertionError("a link is never followed")
    unfinished.unlink()
    os.mkfifo(unfinished)
    with pytest.raises(CliError, match="not a file of yours"), new_archive(tmp_path / "backup.tar"):
        raise AssertionError("a pipe is never replaced")
    with pytest.raises(CliError, match="cannot be written"), new_archive(tmp_path / "missing" / "backup.tar"):
        raise AssertionError("a folder is never made")
    assert target.read_text() == "kept"


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


def test_secrets_of_features_are_kept_where_they_are_set(tmp_path: Path) -> None:
    for name in ("api-key-pepper", "jwt-private-key.pem"):
        (tmp_path / name).write_text(name)
    assert read_secrets(tmp_path).keys() == {"secrets/api-key-pepper", "secrets/jwt-private-key.pem"}
    for name in ("suppression-key", "activation-key"):
        (tmp_path / name).write_text(name)
    assert read_secrets(tmp_path).keys() >= {"secrets/suppression-key", "secrets/activation-key"}
    (tmp_path / "api-key-pepper").unlink()
    with pytest.raises(CliError, match="cannot be read"):
        read_secrets(tmp_path)


def test_the_key_of_a_list_is_known_as_services_know_it() -> None:
    key = "the-key-of-suppressions-in-tests-0123456789"
    assert key_id({"secrets/suppression-key": f"{key}\n"}) == PersonHash(key=key).key_id
    assert key_id({}) is None


def test_what_was_not_decided_is_left_out() -> None:
    """The engine runs these conditions in `make test-ops`. Here: a tenant without anything gets nothing."""
    nothing = Decided(tenants=(3,), heads={}, next_profiles={}, not_shown=(), lists={})
    for table in ("publications", "profiles", "static_members", "identity_merges"):
        assert nothing.condition(table, ["tenant_id"]).endswith(("<= 0)", "< 0)"))
    assert nothing.condition("history_copies", ["name"]) == "1"
    some = Decided(
        tenants=(3,), heads={3: 8}, next_profiles={3: 5}, not_shown=[(3, 9, 2)], lists={(3, 7): ListState(2, 4)}
    )
    assert some.condition("events", ["tenant_id"]) == "tenant_id IN (0, 3) AND (1)"
    assert "(3, 9, 2)" in some.condition("segment_runs", ["tenant_id"])
    assert "['3/7'], CAST([4], 'Array(UInt64)')" in some.condition("static_members", ["tenant_id"])
