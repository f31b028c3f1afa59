"""Routing of statements: a table of text and what it is."""

import pytest

from segops_local.clickhouse.errors import QueryFailed
from segops_local.clickhouse.statements import find_data, is_insert, read_statement

INSERTS = [
    (b"INSERT INTO t FORMAT CSV\n1,2", b"INSERT INTO t ", "CSV", b"1,2"),
    (b"insert into t(a)values(1)", b"insert into t(a)", "Values", b"(1)"),
    (b"INSERT INTO t FORMAT CSV \t\r\n\n1", b"INSERT INTO t ", "CSV", b"\n1"),
    (b"INSERT INTO format FORMAT Native\n\x01FORMAT", b"INSERT INTO format ", "Native", b"\x01FORMAT"),
    (b"INSERT INTO TABLE format FORMAT TSV\n1", b"INSERT INTO TABLE format ", "TSV", b"1"),
    (b"INSERT INTO d.values VALUES (1)", b"INSERT INTO d.values ", "Values", b" (1)"),
    (b"INSERT INTO `FORMAT x` (`VALUES`) FORMAT TSV\n", b"INSERT INTO `FORMAT x` (`VALUES`) ", "TSV", b""),
    (b"/* INSERT */ INSERT INTO t -- FORMAT a\n FORMAT TSV\nx", b"/* INSERT */ INSERT INTO t -- FORMAT a\n ", "TSV", b"x"),
    (b"INSERT INTO FUNCTION null('a Int8') FORMAT TSV\n1", b"INSERT INTO FUNCTION null('a Int8') ", "TSV", b"1"),
    (b"INSERT INTO {t:Identifier} SETTINGS x='FORMAT' VALUES (1)", b"INSERT INTO {t:Identifier} SETTINGS x='FORMAT' ", "Values", b" (1)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "head", "format_", "data"), INSERTS)
def test_insert_with_data(text: bytes, head: bytes, format_: str, data: bytes) -> None:
    found = find_data(text, complete=True)
    assert found is not None
    assert (found.head, found.format, text[found.data :]) == (head, format_, data)
    assert found.head[found.source_at :].startswith(b"SETTINGS") == (b"SETTINGS" in head)


@pytest.mark.parametrize(("text", "head", "format_", "data"), INSERTS)
def test_insert_seen_piece_by_piece(text: bytes, head: bytes, format_: str, data: bytes) -> None:
    for size in range(len(text)):
        early = find_data(text[:size], complete=False)
        assert early is None or (early.head, early.format) == (head, format_)


@pytest.mark.parametrize(
    "text",
    [b"INSERT INTO t SELECT 1 FORMAT CSV", b"INSERT INTO t (SELECT 1)", b"INSERT INTO t WITH 1 AS x SELECT x"],
)
def test_insert_without_data(text: bytes) -> None:
    assert is_insert(text)
    assert find_data(text, complete=True) is None


@pytest.mark.parametrize(
    ("text", "format_", "reads"),
    [
        (b"SELECT 1", None, True),
        (b"SELECT 1 FORMAT JSON;", "JSON", True),
        (b"SELECT 'FORMAT CSV' AS format FORMAT Native SETTINGS a = 1", "Native", True),
        (b"SELECT (SELECT 1 FORMAT x)", None, True),
        (b"SELECT 1 AS format FROM t", None, True),
        (b"SELECT 1 AS format SETTINGS max_threads = 1", None, True),
        (b"SELECT format FROM t FORMAT CSV ;;", "CSV", True),
        (b"-- FORMAT a\nWITH 1 AS x SELECT x", None, True),
        (b"SHOW TABLES FORMAT TSV", "TSV", False),
        (b"SELECT `FORMAT` FROM t # FORMAT x", None, True),
    ],
)
def test_answer_format(text: bytes, format_: str | None, reads: bool) -> None:
    statement = read_statement(text)
    assert (statement.format, statement.reads) == (format_, reads)


@pytest.mark.parametrize("text", [b"SELECT 1; SELECT 2", b"SELECT 1;;DROP TABLE t", b"SELECT 1; x"])
def test_several_statements(text: bytes) -> None:
    with pytest.raises(QueryFailed, match="Multi-statements"):
        read_statement(text)


def test_kafka_as_a_mere_word() -> None:
    assert read_statement(b"CREATE TABLE kafka (engine String, kafka String) ENGINE = Memory").format is None
    assert read_statement(b"SELECT engine, kafka FROM t").reads
