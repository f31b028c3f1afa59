"""One rule for ids of users: events, lists and lookups accept the same ones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from segops_common.core.profile_ids import INVISIBLE, MAX_PROFILE_ID_CHARS, profile_id_fault
from segops_common.web.profile_id import ProfileId
from segops_ingest.api.schemas import ProfileId as DocumentedId
from segops_ingest.domain.event import RowBuilder
from segops_ingest.domain.instants import TimestampRange
from segops_ingest.domain.refusal import EventRefused
from tests.unit.ingest.conftest import FixedIds

_BUILDER = RowBuilder(
    tenant_id=1, span=TimestampRange.around(datetime(2026, 1, 31, tzinfo=UTC)), ids=FixedIds(), idempotency_key=None
)
_REQUEST = TypeAdapter(ProfileId)
_DOCUMENT = TypeAdapter(DocumentedId)


def _ingest_accepts(user_id: str) -> bool:
    try:
        _BUILDER.row({"user_id": user_id, "event_type": "view"}, "track", 0)
    except EventRefused:
        return False
    return True


def _accepts(adapter: TypeAdapter[str], user_id: str) -> bool:
    try:
        adapter.validate_python(user_id)
    except ValidationError:
        return False
    return True


@given(st.text(max_size=MAX_PROFILE_ID_CHARS + 2) | st.text(alphabet=INVISIBLE + "a\0", max_size=4))
@example("x" * (MAX_PROFILE_ID_CHARS + 1))
@example("\u200b")
@example("\x1c")
def test_every_door_accepts_the_same_ids(user_id: str) -> None:
    valid = profile_id_fault(user_id) is None
    assert _ingest_accepts(user_id) == valid
    assert _accepts(_REQUEST, user_id) == valid
    assert _accepts(_DOCUMENT, user_id) == valid or "\0" in user_id


def test_invisible_characters_contain_all_white_space() -> None:
    assert {chr(i) for i in range(0x3001) if chr(i).isspace()} <= set(INVISIBLE)


@pytest.mark.parametrize("value", [None, 5, True, ["a"]])
def test_other_types_are_no_ids(value: object) -> None:
    assert profile_id_fault(value) == ("wrong-type", "must be text")
