"""What is on the topics: today's models against the committed schemas, and messages that must stay readable."""

from __future__ import annotations

import json
import secrets
from collections.abc import AsyncIterator
from typing import Any

import jsonschema
import pytest
from pydantic import BaseModel

from scripts.topic_schemas import FOLDER, VALUES, schema
from segops_common.contracts import topics
from segops_common.contracts.topics import EVENTS, Topic
from segops_common.contracts.warehouse import EVENTS_TABLE, JSON_INSERT_SETTINGS
from segops_common.stores.clickhouse import ClickHouse
from segops_common.stores.clickhouse_migrations import migrate
from segops_ingest.adapters.clickhouse.warehouse import MIGRATIONS, SERVICE

TOPICS = [pytest.param(topic, model, id=topic.name) for topic, model in VALUES.items()]


def golden(topic: Topic) -> list[str]:
    return (FOLDER / "golden" / f"{topic.name}.ndjson").read_text().splitlines()


def committed(topic: Topic) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / "schemas" / f"{topic.name}.json").read_text())
    return schema


def test_every_topic_has_a_schema() -> None:
    assert {value for value in vars(topics).values() if isinstance(value, Topic)} == set(VALUES)


@pytest.mark.parametrize(("topic", "model"), TOPICS)
def test_the_committed_schema_is_the_model(topic: Topic, model: type[BaseModel]) -> None:
    text = (FOLDER / "schemas" / f"{topic.name}.json").read_text()
    assert text == schema(model), "an added field: run scripts/topic_schemas.py; any other change: a new schema version"


@pytest.mark.parametrize(("topic", "model"), TOPICS)
def test_golden_messages_are_read_and_written_as_they_are(topic: Topic, model: type[BaseModel]) -> None:
    lines = golden(topic)
    assert lines
    for line in lines:
        jsonschema.validate(json.loads(line), committed(topic), jsonschema.Draft202012Validator)
        assert json.loads(model.model_validate_json(line).model_dump_json(exclude_unset=True)) == json.loads(line)


@pytest.mark.parametrize(("topic", "model"), TOPICS)
def test_a_reader_ignores_what_it_does_not_know(topic: Topic, model: type[BaseModel]) -> None:
    line = json.loads(golden(topic)[0])
    newer = json.dumps(line | {"added_by_a_newer_writer": {"a": 1}})
    assert model.model_validate_json(newer) == model.model_validate_json(json.dumps(line))


@pytest.fixture
async def events(clickhouse_url: str) -> AsyncIterator[tuple[ClickHouse, str]]:
    """A table like `events`, of this test alone."""
    clickhouse = ClickHouse(url=clickhouse_url)
    table = f"events_{secrets.token_hex(6)}"
    await migrate(clickhouse, SERVICE, MIGRATIONS)
    await clickhouse.command(f"CREATE TABLE {table} AS {EVENTS_TABLE}")
    yield clickhouse, table
    await clickhouse.command(f"DROP TABLE {table}")
    await clickhouse.close()


async def test_the_warehouse_takes_golden_events_as_they_are(events: tuple[ClickHouse, str]) -> None:
    clickhouse, table = events
    rows = [json.dumps(json.loads(line) | {"source_partition": 1, "source_offset": 2}) for line in golden(EVENTS)]
    await clickhouse.insert_json_lines(table, "\n".join(rows).encode(), settings=JSON_INSERT_SETTINGS)
    stored = await clickhouse.query(
        f"SELECT event_type, toString(timestamp), user_key = xxHash64('user-123'), toString(payload.list), removed"
        f" FROM {table} ORDER BY timestamp"
    )
    assert [tuple(row) for row in stored.rows] == [
        ("page_viewed", "2026-01-31 09:00:00.123", 1, "[true,1,'x',2.5]", []),
        ("$identify", "2026-01-31 09:00:01.000", 1, "", ["company"]),
    ]
