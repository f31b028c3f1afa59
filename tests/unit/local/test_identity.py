"""The user that runs PostgreSQL, and the error when there is none."""

import os
from pathlib import Path

import pytest

from segops_local.errors import LocalError
from segops_local.processes.identity import choose


def test_an_ordinary_user_stays_itself(tmp_path: Path) -> None:
    assert choose((tmp_path,), effective_uid=1000, grantable=()) is None


def test_root_gives_way_to_an_ordinary_user_without_rights_where_none_are_needed() -> None:
    identity = choose((Path("/usr/bin"),), effective_uid=0, grantable=(2,))
    assert identity is not None
    assert (identity.uid != 0, identity.capabilities) == (True, ())


def test_a_closed_folder_on_the_way_needs_the_right_to_search(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "in").mkdir()
    os.chmod(tmp_path / "closed", 0o700)
    identity = choose((tmp_path / "closed" / "in",), effective_uid=0, grantable=(2,))
    assert identity is not None
    assert identity.capabilities == (2,)
    with pytest.raises(LocalError, match=r"may not enter /.*chmod o\+x"):
        choose((tmp_path / "closed" / "in",), effective_uid=0, grantable=())


def test_a_closed_program_needs_the_right_to_run_it(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.touch(mode=0o700)
    identity = choose((program,), effective_uid=0, grantable=(2, 1))
    assert identity is not None
    assert identity.capabilities == (1,)
    with pytest.raises(LocalError):
        choose((program,), effective_uid=0, grantable=(2,))
