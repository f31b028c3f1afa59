"""What the sink sends to the warehouse, and what it does when the warehouse refuses."""

import orjson
import pytest

from segops_common.streams.log import Record
from segops_common.streams.loop.batches import BadRecords, Batch, DataError
from segops_ingest.consumers.sink import Sink
from segops_ingest.domain.messages import CONFLICTS_HEADER
from segops_ingest.ports.warehouse import InsertRefused


class MemoryWarehouse:
    """Takes what is JSON and does not contain `poison`, whole inserts at a time, once per token."""

    def __init__(self) -> None:
        self.inserts: dict[str, list[bytes]] = {}
        self.dead: dict[str, bytes] = {}

    async def insert(self, rows: bytes, token: str) -> None:
        if b"poison" in rows:
            raise InsertRefused(117, "bad data")
        self.inserts.setdefault(token, rows.splitlines())

    async def insert_dead(self, rows: bytes, token: str) -> None:
        self.dead.setdefault(token, rows)


def batch(*values: bytes) -> Batch:
    records = tuple(Record(offset=40 + index, key=b"k", value=value) for index, value in enumerate(values))
    return Batch(topic="t", partition=3, first_offset=40, last_offset=39 + len(values), records=records)


@pytest.fixture
def warehouse() -> MemoryWarehouse:
    return MemoryWarehouse()


@pytest.fixture
def sink(warehouse: MemoryWarehouse) -> Sink:
    return Sink(warehouse=warehouse)


async def test_every_row_gets_its_place_in_the_log(sink: Sink, warehouse: MemoryWarehouse) -> None:
    whole = batch(b'{"a":"}","b":{}}\n{"a":2}\n', b'{"a":3}')
    await sink.handle(whole)
    assert [orjson.loads(row) for row in warehouse.inserts[whole.token()]] == [
        {"a": "}", "b": {}, "source_partition": 3, "source_offset": 40},
        {"a": 2, "source_partition": 3, "source_offset": 40},
        {"a": 3, "source_partition": 3, "source_offset": 41},
    ]


async def test_a_batch_left_empty_by_dead_letters_inserts_nothing(sink: Sink, warehouse: MemoryWarehouse) -> None:
    await sink.handle(batch(b"{}\n").without(frozenset({40})))
    assert warehouse.inserts == {}


async def test_refused_data_are_left_to_the_loop_to_halve(sink: Sink) -> None:
    with pytest.raises(DataError, match="117"):
        await sink.handle(batch(b'{"a":1}\n', b'{"a":"poison"}\n'))


async def test_of_one_refused_record_the_good_events_are_kept(sink: Sink, warehouse: MemoryWarehouse) -> None:
    lines = [b'{"n":0}', b'{"tenant_id":9,"message_id":"m","x":"poison"}', b'{"n":2}', b"poison"]
    with pytest.raises(BadRecords):
        await sink.handle(batch(b"\n".join(lines) + b"\n"))
    with pytest.raises(BadRecords) as bad:
        await sink.handle(batch(b"\n".join(lines) + b"\n"))
    assert [(record.offset, record.code, record.detail) for record in bad.value.records] == [
        (40, "117", "2 of its events were refused")
    ]
    assert [orjson.loads(row)["n"] for rows in warehouse.inserts.values() for row in rows] == [0, 2]
    dead = [orjson.loads(row) for row in warehouse.dead.values()]
    assert [(row["tenant_id"], row["message_id"], row["line"]) for row in dead] == [
        (9, "m", lines[1].decode()),
        (0, "", "poison"),
    ]


async def test_conflicting_events_are_stored_and_listed(sink: Sink, warehouse: MemoryWarehouse) -> None:
    value = b'{"tenant_id":9,"message_id":"a"}\n{"tenant_id":9,"message_id":"b"}\n'
    record = Record(offset=40, key=b"k", value=value, headers=((CONFLICTS_HEADER, b"1"),))
    whole = Batch(topic="t", partition=3, first_offset=40, last_offset=40, records=(record,))
    for _ in range(2):
        await sink.handle(whole)
    assert len(warehouse.inserts[whole.token()]) == 2
    (letter,) = [orjson.loads(row) for rows in warehouse.dead.values() for row in rows.splitlines()]
    assert (letter["tenant_id"], letter["message_id"], letter["code"], letter["source_offset"]) == (9, "b", 0, 40)
    assert "first delivery" in letter["reason"]
