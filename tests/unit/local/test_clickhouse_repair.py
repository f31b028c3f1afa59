"""A token whose part was lost in a kill is revoked; every other token stays. No content of the folder stops the start."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from segops_local.engines.clickhouse_repair import forget_tokens_without_parts

ADDED = "1\tall_1_1_0\ta\n1\tall_2_2_0\tb\n1\tall_3_3_0\tc\n"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """The folder of a table, with a folder for its logs."""
    table = tmp_path / "data" / "store" / "abc" / "abc-def"
    (table / "deduplication_logs").mkdir(parents=True)
    return table


def _log(table: Path, number: int = 1) -> Path:
    return table / "deduplication_logs" / f"deduplication_log_{number}.txt"


def _repair(table: Path) -> list[str]:
    return forget_tokens_without_parts(str(table.parents[2]))


@pytest.mark.parametrize(
    ("log", "parts", "added"),
    [
        (ADDED, ["all_1_2_1", "all_3_3_0"], ""),
        (ADDED, ["all_1_2_1", "tmp_insert_all_3_3_0"], "2\tall_3_3_0\tc\n"),
        (ADDED, ["all_1_3_1_7"], ""),
        (ADDED, ["202601_1_3_1"], "2\tall_1_1_0\ta\n2\tall_2_2_0\tb\n2\tall_3_3_0\tc\n"),
        (ADDED + "2\tall_3_3_0\tc\n", ["all_1_2_1"], ""),
        (ADDED + "1\tall_4_4", ["all_1_3_1"], ""),
    ],
)
def test_tokens_without_parts_are_revoked(table: Path, log: str, parts: list[str], added: str) -> None:
    for name in parts:
        (table / name).mkdir()
    _log(table).write_text(log)
    assert _repair(table) == []
    assert _log(table).read_text() == log[: log.rfind("\n") + 1] + added


@pytest.mark.parametrize(
    "damage", [b"1\tall_1_1_0\n", b"\n", b"\xff\xfe\n", b"7\ta\tb\n", b"1\ta\tb\tc\n", b"1\ta\xe2\x80\xa8\n"]
)
def test_a_damaged_line_is_left_out_with_a_warning(table: Path, damage: bytes) -> None:
    _log(table).write_bytes(damage + ADDED.encode())
    (table / "all_1_2_0").mkdir()
    (warning,) = _repair(table)
    assert str(_log(table)) in warning
    assert _log(table).read_bytes() == damage + ADDED.encode() + b"2\tall_3_3_0\tc\n"


def test_a_token_may_be_any_bytes(table: Path) -> None:
    _log(table).write_bytes(b"1\tall_1_1_0\t\xff\n")
    assert _repair(table) == []
    assert _log(table).read_bytes() == b"1\tall_1_1_0\t\xff\n2\tall_1_1_0\t\xff\n"


def _link(file: Path, target: Path) -> None:
    file.symlink_to(target)


def _dangling(file: Path, target: Path) -> None:
    file.symlink_to(target.with_name("nothing"))


def _pipe(file: Path, target: Path) -> None:
    os.mkfifo(file)


def _folder(file: Path, target: Path) -> None:
    file.mkdir()


@pytest.mark.parametrize("damage", [_link, _dangling, _pipe, _folder])
def test_a_log_that_is_no_file_is_left_alone_with_a_warning(
    table: Path, tmp_path: Path, damage: Callable[[Path, Path], None]
) -> None:
    target = tmp_path / "of another user"
    target.write_text(ADDED + "no line end")
    _log(table).write_text(ADDED)
    damage(_log(table, 2), target)
    (warning,) = _repair(table)
    assert str(table) in warning
    assert (target.read_text(), _log(table).read_text()) == (ADDED + "no line end", ADDED)
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("level", range(4))
def test_no_linked_folder_is_entered(table: Path, tmp_path: Path, level: int) -> None:
    _log(table).write_text(ADDED)
    link = [table / "deduplication_logs", table, *table.parents][level]
    link.rename(tmp_path / "elsewhere")
    link.symlink_to(tmp_path / "elsewhere")
    assert _repair(table) == []
    assert _log(table).read_text() == ADDED


def test_a_file_with_another_name_is_no_log(table: Path) -> None:
    _log(table).with_name("deduplication_log_x.txt").write_text(ADDED)
    assert _repair(table) == []
