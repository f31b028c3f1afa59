"""What root writes into the folder of an engine stays there, whatever links the engine's user left."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from segops_local.engines.clickhouse_config import USERS, write_config
from segops_local.errors import LocalError
from segops_local.processes.identity import Identity, give
from segops_local.processes.process import failure_line
from segops_local.state.plain_files import open_log
from segops_local.state.secrets import write_private

SECRET = "of root\n"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A file that only root may change."""
    file = tmp_path / "target"
    file.write_text(SECRET)
    file.chmod(0o640)
    return file


@pytest.fixture
def engine(tmp_path: Path) -> Path:
    """The folder of an engine."""
    folder = tmp_path / "engine"
    folder.mkdir()
    return folder


def _write(file: Path) -> None:
    write_private(file, "new")


def _append(file: Path) -> None:
    with open_log(file) as log:
        log.write(b"new")


def test_a_private_file_takes_the_place_of_a_link(engine: Path, target: Path) -> None:
    for name in ("file", "file.new"):
        (engine / name).symlink_to(target)
    write_private(engine / "file", "new")
    assert ((engine / "file").read_text(), (engine / "file").is_symlink()) == ("new\n", False)
    assert target.read_text() == SECRET


def test_no_log_is_appended_to_through_a_link(engine: Path, target: Path) -> None:
    (engine / "log").symlink_to(target)
    with pytest.raises(LocalError, match="engine/log must be a file"):
        open_log(engine / "log")
    assert target.read_text() == SECRET
    assert SECRET.strip() not in failure_line(engine / "log")


def test_a_pipe_in_place_of_a_log_does_not_block(engine: Path) -> None:
    os.mkfifo(engine / "log")
    with pytest.raises(LocalError, match="engine/log must be a file"):
        open_log(engine / "log")
    assert "engine/log must be a file" in failure_line(engine / "log")


@pytest.mark.parametrize("write", [_write, _append])
def test_nothing_is_written_through_a_linked_folder(
    engine: Path, tmp_path: Path, write: Callable[[Path], None]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (engine / "config").symlink_to(elsewhere)
    with pytest.raises(LocalError, match="engine/config must be a file or folder and not a link"):
        write(engine / "config" / "file")
    assert list(elsewhere.iterdir()) == []


def test_the_configuration_is_not_written_through_a_link(engine: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (engine / "config").symlink_to(elsewhere)
    passwords = {user.name: "x" for user in USERS}
    with pytest.raises(LocalError, match="engine/config must be"):
        write_config(engine / "config", data=engine / "data", port=1, passwords=passwords)
    assert list(elsewhere.iterdir()) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_links_pipes_and_their_targets_are_not_given(engine: Path, target: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o755)
    (elsewhere / "file").touch(mode=0o644)
    (engine / "link").symlink_to(target)
    (engine / "folder").symlink_to(elsewhere)
    os.mkfifo(engine / "pipe")
    before = [path.lstat() for path in (target, elsewhere, elsewhere / "file", engine / "link", engine / "pipe")]
    for path in (engine, engine / "link", engine / "folder"):
        give(path, Identity(60_600, 60_600))
    assert [
        path.lstat() for path in (target, elsewhere, elsewhere / "file", engine / "link", engine / "pipe")
    ] == before
    assert engine.stat().st_uid == 60_600
