"""What the sink sends to the warehouse, and what it does when the warehouse refuses."""

import orjson
import pytest

from segops_common.contracts.warehouse import version_of
from segops_common.streams.log import Record
from segops_common.streams.loop.batches import BadRecords, Batch, DataError, TooHeavy
from segops_ingest.consumers.sink import Sink
from segops_ingest.domain.limits import MAX_INSERT_MONTHS
from segops_ingest.domain.messages import CONFLICTS_HEADER
from segops_ingest.ports.warehouse import InsertFailed, InsertRefused, InsertTooHeavy


class MemoryWarehouse:
    """Takes what does not contain `poison`, at most `most` rows at a time, whole inserts at a time, once per token."""

    def __init__(self) -> None:
        self.most = 1_000
        self.inserts: dict[str, list[bytes]] = {}
        self.dead: dict[str, bytes] = {}
        self.inserts_left = 1_000_000

    async def insert(self, rows: bytes, token: str) -> None:
        self.inserts_left -= 1
        if self.inserts_left < 0:
            raise InsertFailed("killed")
        if b"poison" in rows:
            raise InsertRefused(117, "bad data")
        if len(rows.splitlines()) > self.most:
            raise InsertTooHeavy("too heavy")
        self.inserts.setdefault(token, rows.splitlines())

    async def insert_dead(self, rows: bytes, token: str) -> None:
        self.dead.setdefault(token, rows)


def batch(*values: bytes) -> Batch:
    records = tuple(Record(offset=40 + index, key=b"k", value=value) for index, value in enumerate(values))
    return Batch(topic="t", partition=3, first_offset=40, last_offset=39 + len(values), records=records)


@pytest.fixture
def warehouse() -> MemoryWarehouse:
    return MemoryWarehouse()


def history(months: int) -> bytes:
    """A record with one event in each of the months, in no order."""
    return b"".join(
        b'{"n":%d,"timestamp":"%d-%02d-01 00:00:00.000"}\n' % (n, 1970 + n // 12, 1 + n % 12)
        for n in sorted(range(months), key=lambda n: n * 7919 % 1009)
    )


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


async def test_a_batch_that_is_too_heavy_is_left_to_the_loop_to_halve(sink: Sink, warehouse: MemoryWarehouse) -> None:
    warehouse.most = 1
    with pytest.raises(TooHeavy):
        await sink.handle(batch(b'{"n":0}\n', b'{"n":1}\n'))
    assert warehouse.inserts == {}


async def test_a_record_that_is_too_heavy_is_stored_in_halves(sink: Sink, warehouse: MemoryWarehouse) -> None:
    warehouse.most = 2
    whole = batch(b"".join(b'{"n":%d}\n' % n for n in range(7)))
    for _ in range(2):  # a replay makes the same cuts, and so the same tokens
        await sink.handle(whole)
    stored = {token.rpartition("#")[2]: rows for token, rows in warehouse.inserts.items()}
    assert {cut: [orjson.loads(row)["n"] for row in rows] for cut, rows in stored.items()} == {
        "0-1": [0],
        "1-3": [1, 2],
        "3-5": [3, 4],
        "5-7": [5, 6],
    }
    assert warehouse.dead == {}


async def test_a_single_event_that_is_too_heavy_is_never_skipped(sink: Sink, warehouse: MemoryWarehouse) -> None:
    warehouse.most = 0
    with pytest.raises(InsertTooHeavy):
        await sink.handle(batch(b'{"n":0}\n'))
    assert warehouse.dead == {}


async def test_an_import_is_cut_by_months(warehouse: MemoryWarehouse) -> None:
    await Sink(warehouse=warehouse, is_import=True).handle(batch(history(130), history(20)))
    inserts = [[orjson.loads(row) for row in rows] for rows in warehouse.inserts.values()]
    months = [{row["timestamp"][:7] for row in rows} for rows in inserts]
    assert [len(part) for part in months] == [MAX_INSERT_MONTHS, MAX_INSERT_MONTHS, 30]
    assert len(set().union(*months)) == 130, "no month is in two inserts"
    assert sorted(row["n"] for rows in inserts for row in rows) == sorted([*range(130), *range(20)])
    assert {row["version"] for rows in inserts for row in rows} == {
        version_of(40, is_import=True),
        version_of(41, is_import=True),
    }


@pytest.mark.parametrize("inserts", range(3))
async def test_a_replay_of_an_import_repeats_its_inserts(warehouse: MemoryWarehouse, inserts: int) -> None:
    sink, whole = Sink(warehouse=warehouse, is_import=True), batch(history(130))
    warehouse.inserts_left = inserts
    with pytest.raises(InsertFailed):
        await sink.handle(whole)
    stored = dict(warehouse.inserts)
    assert len(stored) == inserts
    warehouse.inserts_left = 3
    await sink.handle(whole)
    assert len(warehouse.inserts) == 3
    assert stored.items() <= warehouse.inserts.items()


async def test_of_a_refused_import_the_good_events_are_kept(warehouse: MemoryWarehouse) -> None:
    sink = Sink(warehouse=warehouse, is_import=True)
    lines = history(60) + b'{"timestamp":"2026-01-01 00:00:00.000","x":"poison"}\n'
    with pytest.raises(DataError):
        await sink.handle(batch(lines, lines))
    warehouse.inserts.clear()
    with pytest.raises(BadRecords):
        await sink.handle(batch(lines))
    kept = {orjson.loads(row)["n"] for rows in warehouse.inserts.values() for row in rows}
    assert kept == set(range(60))
    assert len(warehouse.dead) == 1
