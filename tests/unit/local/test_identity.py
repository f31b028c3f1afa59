"""The users that run the engines, and the error when one cannot reach what it needs."""

import os
from pathlib import Path

import pytest

from segops_local.errors import LocalError
from segops_local.processes.identity import choose, give, settle

ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
ANYWHERE = (2, 1)


def test_an_ordinary_user_stays_itself_and_closes_the_folder(tmp_path: Path) -> None:
    assert choose(tmp_path, (), effective_uid=1000, grantable=()) is None
    tmp_path.chmod(0o755)
    settle(tmp_path, ())
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_root_gives_way_to_a_user_without_rights_where_none_are_needed(open_folder: Path) -> None:
    identity = choose(open_folder, (Path("/usr/bin"),), effective_uid=0, grantable=ANYWHERE)
    assert identity is not None
    assert (identity.uid != 0, identity.capabilities) == (True, ())


def test_a_closed_folder_on_the_way_needs_the_right_to_search(tmp_path: Path) -> None:
    folder = tmp_path / "closed" / "in"
    folder.mkdir(parents=True)
    os.chmod(tmp_path / "closed", 0o700)
    identity = choose(folder, (), effective_uid=0, grantable=(2,))
    assert identity is not None
    assert identity.capabilities == (2,)
    with pytest.raises(LocalError, match=r"may not enter /.*chmod o\+x"):
        choose(folder, (), effective_uid=0, grantable=())


def test_a_closed_program_needs_the_right_to_run_it(open_folder: Path, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.touch(mode=0o700)
    identity = choose(open_folder, (program,), effective_uid=0, grantable=ANYWHERE)
    assert identity is not None
    assert identity.capabilities == (1,)
    with pytest.raises(LocalError):
        choose(open_folder, (program,), effective_uid=0, grantable=(2,))


@ROOT
def test_folders_beside_each_other_get_different_users_and_keep_them(tmp_path: Path) -> None:
    folders = [tmp_path / str(number) for number in range(40)]
    for folder in folders:
        folder.mkdir()
    users = [settle(folder, ()) for folder in folders]
    assert len({identity.uid for identity in users if identity is not None}) == len(folders)
    assert [settle(folder, ()) for folder in folders] == users


@ROOT
def test_a_folder_of_another_user_is_taken_over_and_closed_but_for_passwords(tmp_path: Path) -> None:
    folder = tmp_path / "engine"
    (folder / "data").mkdir(parents=True, mode=0o755)
    for name in ("data/file", "data/password-changed", "passwords.json"):
        (folder / name).touch(mode=0o644)
    (folder / "link").symlink_to("/etc/passwd")
    os.chown(folder, 65534, 65534)
    identity = settle(folder, ())
    assert identity is not None
    taken, kept = ("", "data", "data/file", "data/password-changed"), ("passwords.json", "link")
    assert [(folder / name).lstat().st_uid for name in taken] == [identity.uid] * len(taken)
    assert [(folder / name).lstat().st_uid for name in kept] == [0, 0]
    assert [(folder / name).stat().st_mode & 0o777 for name in ("", "data", "data/file")] == [0o700, 0o700, 0o600]
    assert os.stat("/etc/passwd").st_uid == 0


def test_without_a_user_nothing_is_given(tmp_path: Path) -> None:
    before = tmp_path.stat()
    give(tmp_path, None)
    assert tmp_path.stat() == before


@pytest.fixture
def open_folder() -> Path:
    """A folder whose parents others may enter."""
    return Path("/usr/lib")
