"""Secrets are generated once; with data present, one that is lost or damaged stops the start."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from segops_local.engines import ClickHouseEngine, PostgresEngine, ValkeyEngine
from segops_local.errors import LocalError
from segops_local.state.folder import MIGRATED, StateFolder
from segops_local.state.secrets import kept_passwords

Read = Callable[[Path], object]
SECRETS: Mapping[str, Read] = {
    "secrets/service-token": lambda root: StateFolder(root).secret("service-token"),
    "secrets/api-key-pepper": lambda root: StateFolder(root).secret("api-key-pepper"),
    "secrets/jwt-private-key.pem": lambda root: StateFolder(root).signing_key().read_text(),
    "postgres/password": lambda root: PostgresEngine(root / "postgres", 1).url,
    "clickhouse/passwords.json": lambda root: ClickHouseEngine(root / "clickhouse", 1).url,
    "valkey/passwords.json": lambda root: ValkeyEngine(root / "valkey", 1).url,
}
DATA = ("postgres/data/PG_VERSION", "clickhouse/config/users.xml", "valkey/users.acl", f"postgres/{MIGRATED}")


def _truncate(file: Path) -> None:
    file.write_text(file.read_text()[:20])


def _cut_end(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-10] if file.suffix in (".pem", ".json") else b"")


def _replace_by_folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _write_no_text(file: Path) -> None:
    file.write_bytes(b"\xff\xfe" * 40)


DAMAGES = (Path.unlink, _truncate, _cut_end, _replace_by_folder, _write_no_text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with all secrets, and nothing else yet."""
    root = tmp_path / "state"
    with StateFolder(root).hold():
        for engine in ("postgres", "clickhouse", "valkey"):
            (root / engine).mkdir()
        for read in SECRETS.values():
            read(root)
    return root


def _add_data(root: Path) -> None:
    for name in DATA:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_is_generated_once_and_closed_to_others(root: Path, name: str) -> None:
    before = SECRETS[name](root)
    _add_data(root)
    assert SECRETS[name](root) == before
    assert (root / name).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("name", SECRETS)
def test_a_lost_secret_stops_the_start_and_is_not_replaced(
    root: Path, name: str, damage: Callable[[Path], None]
) -> None:
    _add_data(root)
    damage(root / name)
    state = _content(root / name)
    with pytest.raises(LocalError, match=rf"{name} .*: restore it from a backup, or .*make reset") as refusal:
        SECRETS[name](root)
    assert len(str(refusal.value).splitlines()) == 1
    assert _content(root / name) == state


def _content(file: Path) -> bytes | None:
    return file.read_bytes() if file.is_file() else None


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_nothing_depends_on_yet_is_generated_again(root: Path, name: str) -> None:
    (root / name).unlink()
    assert SECRETS[name](root)


def test_a_new_user_gets_a_password_and_the_others_keep_theirs(tmp_path: Path) -> None:
    file = tmp_path / "passwords.json"
    before = kept_passwords(file, ["a", "b"], in_use=False)
    after = kept_passwords(file, ["a", "b", "c"], in_use=True)
    assert {name: after[name] for name in before} == before
    assert kept_passwords(file, ["c"], in_use=True) == after
