"""What a program has started is found and ended when the program is gone, and nothing else is touched."""

import os
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from segops_local.processes.family import Family, end_family, family_of, from_json, members
from segops_local.processes.orphan_reaper import OrphanReaper

MARK = "segops-test-mark:"
# A worker in the group of its master, and one in a session of its own with a mark, as nginx and PostgreSQL have them.
PARENT = f"sh -c 'sleep 60; :' & setsid sh -c 'sleep 60; : {MARK}' & echo started; wait"


@pytest.fixture
def family() -> Iterator[Family]:
    """A family whose first process has been killed. Two more with a child each are left."""
    with subprocess.Popen(["sh", "-c", PARENT], stdout=subprocess.PIPE, start_new_session=True) as parent:
        assert parent.stdout is not None
        parent.stdout.readline()
        family = family_of(parent.pid, MARK)
        while len(members(family)) < 5:  # each of the two shells has its `sleep`
            assert parent.poll() is None
        parent.stdout.close()
        parent.kill()
        parent.wait()
        yield family
        end_family(family)


def test_the_family_of_a_killed_program_is_found_and_ended(family: Family) -> None:
    left = members(family)
    assert len(left) == 4
    end_family(family)
    assert members(family) == frozenset()
    assert not [pid for pid in left if _runs(pid)]


@pytest.mark.parametrize("change", [{"boot": "another"}, {"name": "other", "mark": ""}, {"started": 2**62}])
def test_processes_that_only_have_the_number_are_not_touched(family: Family, change: dict[str, str]) -> None:
    left = members(family)
    other = replace(family, **change)  # type: ignore[arg-type]
    assert members(other) == frozenset()
    end_family(other)
    assert members(family) == left


def test_a_number_that_was_given_to_another_program_is_not_touched() -> None:
    own = family_of(os.getpid())
    assert members(replace(own, started=own.started - 1)) == frozenset()


def test_a_family_is_read_back_and_a_damaged_text_is_none(family: Family) -> None:
    assert from_json(family.to_json()) == family
    assert from_json("{") is from_json('{"pid": 1}') is from_json("[]") is None


def test_the_next_reaper_ends_what_the_last_one_had_listed(family: Family, tmp_path: Path) -> None:
    file = tmp_path / "processes.json"
    first = OrphanReaper(file)
    first.watch(family)
    os.kill(first.pid, signal.SIGKILL)
    assert members(family)
    second = OrphanReaper(file)
    assert members(family) == frozenset()
    second.dismiss()
    first.dismiss()


def test_a_reaper_ends_the_families_of_a_supervisor_that_has_gone(family: Family, tmp_path: Path) -> None:
    reaper = OrphanReaper(tmp_path / "processes.json")
    reaper.watch(family)
    reaper.dismiss()  # the pipe is closed, as by the end of a supervisor
    assert members(family) == frozenset()


def test_a_family_that_was_forgotten_is_left_alone(family: Family, tmp_path: Path) -> None:
    reaper = OrphanReaper(tmp_path / "processes.json")
    reaper.watch(family)
    reaper.forget(family)
    reaper.dismiss()
    assert members(family)


def test_damaged_records_are_no_obstacle(tmp_path: Path) -> None:
    file = tmp_path / "processes.json"
    for text in ("{", "3", '["x", {}, 1]'):
        file.write_text(text)
        OrphanReaper(file).dismiss()


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
