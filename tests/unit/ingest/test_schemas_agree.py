"""The documented models and the hand-written validation accept and refuse the same calls."""

from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from segops_common.contracts.events import EventKind
from segops_ingest.api.schemas import CALLS, BatchCall, ImportCall
from segops_ingest.domain.event import CALL_SHAPES, IMPORT_SHAPES, ITEM_SHAPES, CallShape, RowBuilder
from segops_ingest.domain.inspection import serialise
from segops_ingest.domain.refusal import EventRefused

TEXTS = st.sampled_from(["", " ", "u", "$x", "a b", "tab\t", "ü" * 200, "x" * 129, "x" * 201, "x" * 257, "\u2003"])
VALUES: st.SearchStrategy[Any] = TEXTS | st.sampled_from([None, 0, True, 1.5, [], {}, {"a": [1, {"b": None}]}])
NAMES = sorted(
    {name for form in CALL_SHAPES.values() for name in form.fields} - {"timestamp", "occurred_at", "sent_at"}
    | {"type", "extra"}
)
CALLERS = st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6)
USUAL = st.fixed_dictionaries(
    {"user_id": st.just("u")},
    optional={
        "event_type": TEXTS,
        "payload": st.just({}),
        "traits": st.just({}),
        "group_id": TEXTS,
        "previous_id": TEXTS,
        "name": TEXTS,
        "timestamp": st.just("2026-05-20T10:00:00Z"),
        "occurred_at": st.sampled_from(["2026-05-20T12:00:00.000999+02:00", "2026-05-20T10:00:01Z"]),
        "sent_at": st.just("2026-05-20T10:30:00Z"),
    },
)


@pytest.mark.parametrize("kind", get_args(EventKind))
@settings(max_examples=300)
@given(call=CALLERS | USUAL)
def test_both_accept_or_refuse(
    builder: Callable[[str | None], RowBuilder], kind: EventKind, call: dict[str, Any]
) -> None:
    try:
        serialise(builder(None).row(call, kind, 0)[0], "payload")
    except EventRefused:
        with pytest.raises(ValidationError):
            CALLS[kind].model_validate(call)
    else:
        CALLS[kind].model_validate(call)


@pytest.mark.parametrize("kind", get_args(EventKind))
def test_same_fields(kind: EventKind) -> None:
    assert set(CALLS[kind].model_fields) == CALL_SHAPES[kind].fields


@pytest.mark.parametrize(("model", "shapes"), [(BatchCall, ITEM_SHAPES), (ImportCall, IMPORT_SHAPES)])
def test_items_have_the_same_fields(model: type[BaseModel], shapes: dict[EventKind, CallShape]) -> None:
    (items,) = get_args(model.model_fields["batch"].annotation)
    for item in get_args(get_args(items)[0]):
        (kind,) = get_args(item.model_fields["type"].annotation)
        assert set(item.model_fields) == shapes[kind].fields
        required = {name for name, field in item.model_fields.items() if field.is_required()} - {"type", "event_type"}
        # The time of an import has two names, so neither is required on its own.
        assert required == set(shapes[kind].required) - {"timestamp"}


@pytest.mark.parametrize("time", ["timestamp", "occurred_at", "received_at"])
def test_an_import_has_its_time_by_either_name(builder: Callable[[str | None], RowBuilder], time: str) -> None:
    item = {"type": "track", "user_id": "u", "event_type": "e", "message_id": "m", time: "2014-03-01T10:00:00Z"}
    if time == "received_at":
        with pytest.raises(ValidationError):
            ImportCall.model_validate({"batch": [item]})
        return
    ImportCall.model_validate({"batch": [item]})
    with pytest.raises(EventRefused, match="at most 400 days"):
        builder(None).row(item, "track", 0, IMPORT_SHAPES)
