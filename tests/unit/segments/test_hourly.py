"""The rule for when an hourly segment is due."""

from datetime import datetime, timedelta

import pytest

from segops_segments.domain.hourly import DUE_AFTER, JOINS_AFTER, is_due
from segops_segments.domain.segment import NOBODY, Refresh, Segment, SegmentType
from tests.unit.segments.store_builders import NOW

MILLISECOND = timedelta(milliseconds=1)


def segment(refresh: Refresh = "hourly", segment_type: SegmentType = "rule") -> Segment:
    return Segment(
        id=42,
        tenant_id=1,
        name="Loyal",
        segment_type=segment_type,
        definition=NOBODY,
        description="",
        refresh=refresh,
        version=1,
        created_at=NOW,
        updated_at=NOW,
    )


@pytest.mark.parametrize(
    ("last_as_of", "due"), [(None, True), (NOW - MILLISECOND, True), (NOW, True), (NOW + MILLISECOND, False)]
)
def test_an_hourly_segment_is_due_when_its_last_run_is_old_enough(last_as_of: datetime | None, due: bool) -> None:
    assert is_due(segment(), last_as_of, NOW) is due


@pytest.mark.parametrize("other", [segment(refresh="manual"), segment(refresh="live"), segment(segment_type="static")])
def test_other_segments_are_never_due(other: Segment) -> None:
    assert not is_due(other, None, NOW)


def test_a_segment_with_the_label_ai_is_due_as_a_rule_is() -> None:
    assert is_due(segment(segment_type="ai"), NOW, NOW)


def test_segments_join_before_they_are_due_themselves() -> None:
    assert JOINS_AFTER < DUE_AFTER
