"""Bound parameters reach the engine byte for byte, whatever they hold and however they travel."""

from datetime import UTC, datetime

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import DatabaseError

from .conftest import Connect

TEXTS = [
    "",
    "plain",
    "it's",
    'say "so"',
    "back\\slash \\' \\n \\0 \\N",
    "line\nfeed\rand\ttab",
    "nul\0inside",
    "".join(map(chr, range(1, 256))),
    "ünïcödé 漢字 🙂",
    "'); DROP TABLE t; --",
    "{other:String} /* x */ -- y",
    "a=b&c=d+e%20f;#",
    "`ticks` $tag$ heredoc $tag$",
    "x" * 130_000,
]


@pytest.mark.parametrize("text", TEXTS, ids=lambda text: repr(text[:20]))
@pytest.mark.parametrize("form", [False, True], ids=["url", "form"])
def test_text(connect: Connect, text: str, form: bool) -> None:
    client = connect(form_encode_query_params=form)
    if form or len(text) < 10_000:
        assert client.query("SELECT {text:String}", parameters={"text": text}).result_rows == [(text,)]


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("UInt64", 2**64 - 1),
        ("Int64", -(2**63)),
        ("Float64", 0.1),
        ("Bool", True),
        ("Nullable(String)", None),
        ("Nullable(String)", "NULL"),
        ("Array(String)", ["a'b", "c\\d", "e\nf", "", "[]", "🙂", "x,'y"]),
        ("Array(UInt64)", [1, 2, 3]),
        ("Array(UInt64)", []),
        ("DateTime64(3,'UTC')", datetime(2026, 1, 2, 3, 4, 5, 678000, UTC).replace(tzinfo=None)),
    ],
)
def test_typed(client: Client, type_: str, value: object) -> None:
    assert client.query(f"SELECT {{value:{type_}}}", parameters={"value": value}).result_rows == [(value,)]


def test_aware_datetime_keeps_its_instant(client: Client) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    query = "SELECT toUnixTimestamp({moment:DateTime('UTC')})"
    assert client.query(query, parameters={"moment": moment}).result_rows == [(int(moment.timestamp()),)]


@pytest.mark.parametrize("name", ["plain", "with space", "FORMAT", "a;b", "{x}", "ünï"])
def test_identifier(client: Client, name: str) -> None:
    client.command("CREATE TABLE {name:Identifier} (x UInt8) ENGINE = Memory", parameters={"name": name})
    client.command("INSERT INTO {name:Identifier} SELECT 7", parameters={"name": name})
    assert client.query("SELECT x FROM {name:Identifier}", parameters={"name": name}).result_rows == [(7,)]
    assert client.query("SELECT name FROM system.tables WHERE database = currentDatabase()").result_rows == [(name,)]


async def test_async_client(async_client: AsyncClient) -> None:
    parameters = {"text": "it's\\\n\t🙂", "list": ["a'", "b"], "name": "dummy"}
    answer = await async_client.query(
        "SELECT {text:String}, {list:Array(String)}, {name:Identifier} FROM system.one", parameters=parameters
    )
    assert answer.result_rows == [(parameters["text"], parameters["list"], 0)]


async def test_large_parameter_of_async_client(async_client: AsyncClient) -> None:
    text = "ö'" * 30_000
    async_client.form_encode_query_params = True
    answer = await async_client.query("SELECT {text:String}", parameters={"text": text})
    assert answer.result_rows == [(text,)]


def test_a_parameter_beyond_128_kib_is_refused(connect: Connect) -> None:
    """The product cuts long lists into several parameters."""
    client = connect(form_encode_query_params=True)
    with pytest.raises(DatabaseError, match="Field value too long"):
        client.query("SELECT length({text:String})", parameters={"text": "x" * 140_000})


def test_parameter_in_insert_values(client: Client) -> None:
    client.command("CREATE TABLE t (s String) ENGINE = Memory")
    client.command("INSERT INTO t VALUES ({text:String})", parameters={"text": "it's\\ (1)"})
    assert client.query("SELECT s FROM t").result_rows == [("it's\\ (1)",)]
