"""Tables that a service other than their writer reads.

Services do not read each other's tables, with one exception: membership evaluates segments over ingest's events.
"""

from __future__ import annotations

from typing import Final

EVENTS_TABLE: Final = "events"
"""ReplacingMergeTree by (tenant_id, event_type, user_key, timestamp, message_id): repetitions of an event share the key.
Of them, the one that was accepted first stays: its `version` is the greatest."""

PROFILE_SEEN_TABLE: Final = "profile_seen"
"""AggregatingMergeTree by (tenant_id, user_key): user_id (the profile's id) and first_seen, the least event time."""

MERGED_READ_SETTINGS: Final[dict[str, int]] = {
    "do_not_merge_across_partitions_select_final": 1,
    "optimize_move_to_prewhere": 0,
}
"""Settings of every FINAL read of `events`. Duplicates share their month, so partitions are not merged with each other.
Filters apply after duplicates have been replaced."""

JSON_INSERT_SETTINGS: Final[dict[str, int]] = {
    "input_format_try_infer_dates": 0,
    "input_format_try_infer_datetimes": 0,
    "input_format_json_read_bools_as_numbers": 0,
    "input_format_json_read_bools_as_strings": 0,
    "input_format_json_read_numbers_as_strings": 0,
    "json_type_escape_dots_in_keys": 1,
}
"""Settings of every insert into a JSON column, so that values keep their JSON type and dotted keys their name."""
