"""Every column type SegOps uses goes in by Native or JSONEachRow and comes out the same."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import pytest
from clickhouse_connect.driver.asyncclient import AsyncClient
from clickhouse_connect.driver.client import Client

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 678000, UTC).replace(tzinfo=None)
"""The client gives UTC columns without a zone."""
COLUMNS: dict[str, Sequence[object]] = {
    "UInt64": [0, 2**64 - 1],
    "UInt32": [0, 2**32 - 1],
    "UInt16": [0, 65535],
    "Int8": [-128, 127],
    "Float64": [0.1, -1e308],
    "String": ["", "it's \\ \n\t\0 🙂"],
    "LowCardinality(String)": ["$identify", "$identify"],
    "DateTime64(3,'UTC')": [MOMENT, datetime(1970, 1, 1, tzinfo=UTC).replace(tzinfo=None)],
    "Array(String)": [[], ["a'", "b\n"]],
    "Nullable(Float64)": [None, 1.5],
    "Nullable(String)": [None, "NULL"],
    "JSON": [{"a": 1, "b": {"c": ["x", "y"]}, "f": 5.5}, {"s": "it's"}],
    "Enum8('track' = 1, 'identify' = 2)": ["track", "identify"],
}
JSON_SETTINGS = {
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "json_type_escape_dots_in_keys": 1,
}


@pytest.mark.parametrize("type_", COLUMNS)
def test_native_both_ways(client: Client, type_: str) -> None:
    values = COLUMNS[type_]
    client.command(f"CREATE TABLE t (id UInt8, v {type_}) ENGINE = MergeTree ORDER BY id")
    client.insert("t", [[number, value] for number, value in enumerate(values)], column_names=["id", "v"])
    assert [row[0] for row in client.query("SELECT v FROM t ORDER BY id").result_rows] == list(values)


async def test_native_both_ways_async(async_client: AsyncClient) -> None:
    columns = ", ".join(f"c{number} {type_}" for number, type_ in enumerate(COLUMNS))
    await async_client.command(f"CREATE TABLE t ({columns}) ENGINE = MergeTree ORDER BY c0")
    rows = [tuple(values[number] for values in COLUMNS.values()) for number in range(2)]
    await async_client.insert("t", rows, column_names=[f"c{number}" for number in range(len(COLUMNS))])
    answer = await async_client.query("SELECT * FROM t ORDER BY c0")
    assert answer.result_rows == rows


def test_json_rows_keep_types_and_dotted_keys(client: Client) -> None:
    client.command("CREATE TABLE t (id UInt64, at DateTime64(3,'UTC'), payload JSON) ENGINE = MergeTree ORDER BY id")
    payload = {"a.b": 5, "day": "2026-01-01", "at": "2026-01-01 00:00:00", "f": 5.0, "none": None, "q": {"w": ["x"]}}
    row = {"id": 1, "at": "2026-01-02 03:04:05.678", "payload": payload}
    client.raw_insert("t", ["id", "at", "payload"], json.dumps(row), fmt="JSONEachRow", settings=JSON_SETTINGS)
    kept = {key: value for key, value in payload.items() if value is not None}
    assert client.query("SELECT * FROM t").result_rows == [(1, MOMENT, kept)]
    types = client.command(
        "SELECT dynamicType(payload.`a%2Eb`), dynamicType(payload.day), dynamicType(payload.at), dynamicType(payload.f)"
        " FROM t"
    )
    assert types == ["Int64", "String", "String", "Float64"]


def test_bitmap_states_as_bytes(client: Client) -> None:
    client.command("CREATE TABLE t (id UInt8, members AggregateFunction(groupBitmap, UInt32)) ENGINE = Memory")
    client.command("INSERT INTO t SELECT 1, groupBitmapState(toUInt32(number * 7)) FROM numbers(100)")
    state = client.command("SELECT base64Encode(members::String) FROM t")
    client.command(
        "INSERT INTO t SELECT 2, base64Decode({state:String})::AggregateFunction(groupBitmap, UInt32)",
        parameters={"state": state},
    )
    assert client.query("SELECT id, bitmapToArray(members) FROM t ORDER BY id").result_rows == [
        (1, list(range(0, 700, 7))),
        (2, list(range(0, 700, 7))),
    ]
    raw = client.raw_query("SELECT members FROM t WHERE id = 2", fmt="RowBinary")
    assert raw == client.raw_query("SELECT members FROM t WHERE id = 1", fmt="RowBinary")
    client.raw_insert("t", ["id", "members"], b"\x03" + raw, fmt="RowBinary")
    assert client.query("SELECT bitmapCardinality(members) FROM t WHERE id = 3").result_rows == [(100,)]
