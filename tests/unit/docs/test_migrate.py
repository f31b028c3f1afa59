"""The page about moving here: every condition is one, and the program converts what is exported."""

from __future__ import annotations

import json
import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from pydantic import TypeAdapter

from segops_ingest.api.schemas import ImportedItem
from segops_language.text.parser import parse_text

PAGE: Final = (Path(__file__).resolve().parents[3] / "docs" / "migrate.md").read_text()
CONDITION: Final = re.compile(r"`((?:not )?(?:count|first|last|regular|sequence|trait|segment|sample) [^`]+)`")
ITEM: Final[TypeAdapter[Any]] = TypeAdapter(ImportedItem)
ROW: Final = {
    "uuid": "0192f0c1-7a40-7000-8000-000000000001",
    "event": "$pageview",
    "distinct_id": "user-123",
    "timestamp": "2025-03-01 12:00:00.250000",
    "properties": '{"path": "/pricing", "$set": {"plan": "pro"}, "$set_once": {"plan": "free", "via": "ad"}}',
}


@pytest.mark.parametrize("text", sorted(set(CONDITION.findall(PAGE))))
def test_every_condition_is_one(text: str) -> None:
    assert len(parse_text(f"all of {{ {text} }}").conditions) == 1


def test_every_row_of_conditions_is_seen() -> None:
    assert len(set(CONDITION.findall(PAGE))) > 25


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The program of the page, as a module."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    file = tmp_path_factory.mktemp("page") / "from_posthog.py"
    file.write_text(code)
    spec = spec_from_file_location("from_posthog", file)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def converted(program: ModuleType, row: dict[str, Any]) -> list[dict[str, Any]]:
    return [json.loads(json.dumps(event)) for event in program.convert(row)]


def test_an_exported_event_becomes_an_event_and_its_traits(program: ModuleType) -> None:
    both = {"user_id": "user-123", "timestamp": "2025-03-01T12:00:00.250000Z"}
    track, identify = converted(program, ROW)
    assert track == both | {
        "type": "track",
        "event_type": "pageview",
        "message_id": ROW["uuid"],
        "payload": {"path": "/pricing"},
    }
    assert identify == both | {
        "type": "identify",
        "message_id": f"{ROW['uuid']}-traits",
        "traits": {"plan": "pro", "via": "ad"},
    }


@pytest.mark.parametrize(
    ("row", "kinds"),
    [
        (ROW, ["track", "identify"]),
        (ROW | {"event": "purchase", "properties": {"total": 25}}, ["track"]),
        (ROW | {"event": "purchase", "properties": None, "timestamp": "2025-03-01T12:00:00+01:00"}, ["track"]),
        (ROW | {"event": "$identify", "properties": {"$set": {"plan": "pro"}}}, ["identify"]),
        (ROW | {"event": "$set", "properties": {}}, []),
    ],
)
def test_what_it_writes_can_be_imported(program: ModuleType, row: dict[str, Any], kinds: list[str]) -> None:
    events = converted(program, row)
    assert [event["type"] for event in events] == kinds
    for event in events:
        ITEM.validate_python(event)
