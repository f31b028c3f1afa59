"""A server whose files cannot be written: its start fails like any other, and can be tried again."""

import errno
import json
import os
import sys
from pathlib import Path

import pytest

from segops_local.errors import LocalError
from segops_local.processes.family import Family, members
from segops_local.processes.orphan_reaper import OrphanReaper
from segops_local.processes.process import Command
from segops_local.processes.server import Server


class Sleeper(Server):
    """A program that only sleeps; its disk may be full."""

    name = "sleeper"
    title = "Sleeper"
    disk_is_full = False

    @property
    def url(self) -> str:
        return f"sleeper://{self.address(self.port)}"

    def prepare(self) -> None:
        if self.disk_is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.state_dir / "users"))

    def command(self, port: int) -> Command:
        return Command(
            argv=[sys.executable, "-I", "-S", "-c", "import time; time.sleep(600)"],
            environment={},
            log=self.log,
            folder=self.state_dir,
        )

    async def answers(self) -> bool:
        return True


async def test_a_start_on_a_full_disk_is_refused_in_one_line_and_can_be_tried_again(tmp_path: Path) -> None:
    server = Sleeper(tmp_path / "sleeper")
    server.disk_is_full = True
    with pytest.raises(LocalError, match=r"Sleeper could not start: .*/users: No space left on device\.") as refusal:
        await server.start()
    assert "make reset" not in str(refusal.value)
    assert (server.should_run, server.running) == (True, False)
    server.disk_is_full = False
    await server.start()
    try:
        assert server.running
    finally:
        await server.stop()


async def test_no_program_runs_that_the_next_start_would_not_know(tmp_path: Path) -> None:
    """The list of processes cannot be written while a folder has its place."""
    server, obstacle = Sleeper(tmp_path / "sleeper"), tmp_path / "processes.json.new"
    server.orphan_reaper = reaper = OrphanReaper(tmp_path / "processes.json")
    try:
        obstacle.mkdir()
        with pytest.raises(LocalError, match="Sleeper could not start: "):
            await server.start()
        assert not server.running
        obstacle.rmdir()
        await server.start()
        assert server.process is not None
        family = server.process.family
        obstacle.mkdir()
        await server.stop()
        assert not members(family)
    finally:
        reaper.dismiss()


def test_an_ended_family_that_cannot_be_removed_from_the_list_does_no_harm(tmp_path: Path) -> None:
    file, obstacle = tmp_path / "processes.json", tmp_path / "processes.json.new"
    reaper = OrphanReaper(file)
    ended = Family(pid=2**22 + 1, started=1, name="ended", boot="another")
    reaper.watch(ended)
    obstacle.mkdir()
    reaper.forget(ended)
    reaper.dismiss()
    assert json.loads(file.read_text()) == [ended.to_json()]
