"""A stack's folder is closed to others: every part, its user and its files, started by root or by an ordinary user."""

import contextlib
import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import pytest

from segops_local.engines import ClickHouseEngine, PostgresEngine, ValkeyEngine
from segops_local.processes.server import Server
from segops_local.supervisor.local_stack import LocalStack

AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives each engine a user of its own")
OWN_USER = ("postgres", "valkey", "clickhouse", "gateway")


@pytest.fixture
async def stack(tmp_path: Path, stand_ins: Mapping[str, Mapping[str, str]]) -> AsyncIterator[LocalStack]:
    running = LocalStack(tmp_path / "state", env=stand_ins)
    await running.start()
    yield running
    await running.stop()


def users_of(pid: int | None) -> set[int]:
    """Return the real, effective, saved and file-system user of a process."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {int(word) for line in lines if line.startswith("Uid:") for word in line.split()[1:]}


def modes_below(root: Path) -> Iterator[tuple[str, int]]:
    """Return the mode of every file and folder. Engines delete some of them meanwhile."""
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = Path(folder, name)
            with contextlib.suppress(FileNotFoundError):
                if not path.is_symlink():
                    yield str(path), path.lstat().st_mode & 0o777


async def test_nothing_is_open_to_others_and_for_root_each_engine_has_a_user_of_its_own(stack: LocalStack) -> None:
    root = stack.state.root
    assert root.stat().st_mode & 0o777 == (0o711 if os.geteuid() == 0 else 0o700)
    modes = dict(modes_below(root))
    assert len(modes) > 500
    assert {path for path, mode in modes.items() if mode & 0o077} == set()
    if os.geteuid() == 0:
        _assert_own_users(stack)


def _assert_own_users(stack: LocalStack) -> None:
    servers = {name: stack.process(name) if name == "gateway" else stack.engine(name) for name in OWN_USER}
    owners = {name: (stack.state.root / name).stat().st_uid for name in OWN_USER}
    assert len(set(owners.values()) | {0}) == len(OWN_USER) + 1
    assert {name: users_of(server.pid) for name, server in servers.items()} == {n: {o} for n, o in owners.items()}
    secrets = [*(stack.state.root / "secrets").iterdir(), *stack.state.root.glob("*/passwords.json")]
    assert {file.stat().st_uid for file in secrets} == {0}


@AS_ROOT
@pytest.mark.parametrize("kind", [PostgresEngine, ValkeyEngine, ClickHouseEngine])
async def test_a_folder_of_before_is_taken_over(kind: type[Server], tmp_path: Path) -> None:
    folder = tmp_path / "engine"
    engine = kind(folder)
    await engine.start()
    await engine.stop()
    former = 65534 if kind is PostgresEngine else 0
    for path in (folder, *folder.rglob("*")):
        os.chown(path, former, former, follow_symlinks=False)
        if not path.is_symlink() and kind is not PostgresEngine:
            path.chmod(0o755 if path.is_dir() else 0o644)
    again = kind(folder)
    await again.start()
    try:
        owner = folder.stat().st_uid
        assert owner not in (0, 65534)
        assert users_of(again.pid) == {owner}
    finally:
        await again.stop()
    assert [str(path) for path in (folder, *folder.rglob("*")) if path.lstat().st_uid not in (owner, 0)] == []
