"""Tables that a service other than their owner uses.

Services do not use each other's tables, with two exceptions. Membership evaluates segments over ingest's events. And it erases
people: it says in `suppressions` whose events ingest must not accept, and deletes their rows from ingest's tables.
"""

from __future__ import annotations

from typing import Final

import xxhash

EVENTS_TABLE: Final = "events"
"""ReplacingMergeTree by (tenant_id, event_type, user_key, timestamp, message_id): repetitions of an event share the key.
Of them, the one that was accepted first stays: its `version` is the greatest. `joins` says whether the event's `user_id`
claims its `anonymous_id`."""

PROFILE_SEEN_TABLE: Final = "profile_seen"
"""AggregatingMergeTree by (tenant_id, user_key): user_id (the profile's id); first_seen, the least event time; and first_known,
the least time of an event with that `user_id`. first_known is NEVER_KNOWN_SQL for a profile that only had an `anonymous_id`."""

NEVER_KNOWN_SQL: Final = "toDateTime64('2299-12-31 00:00:00', 3, 'UTC')"

IDENTITY_CLAIMS_TABLE: Final = "identity_claims"
"""AggregatingMergeTree by (tenant_id, anonymous_key): anonymous_id, and first_claim, the least tuple (timestamp, message_id,
user_id) of the events that join. Each delivery counts, so of repetitions with different ids each claims.

On a cluster, a claim is on the shard of its user: rows of an `anonymous_key` may be on all shards. Aggregate them again."""

IDENTITY_CLAIMS_BY_USER_TABLE: Final = "identity_claims_by_user"
"""AggregatingMergeTree by (tenant_id, user_key, anonymous_key): anonymous_id, and first_claim, the least tuple (timestamp,
message_id) of this user's claims. Only IDENTITY_CLAIMS_TABLE says whether an earlier claim of another user stands."""

IDENTITY_MERGES_TABLE: Final = "identity_merges"
"""ReplacingMergeTree by (tenant_id, user_key, at): from `at` on, the user's events belong to canonical_id (canonical_key), which
is the user itself after an unmerge. `version` grows with each change of the tenant. Of membership, which writes it."""

EVENTS_BY_PROFILE_TABLE: Final = "events_by_profile"
"""ReplacingMergeTree by (tenant_id, user_key, timestamp, message_id, event_type): the events of `events` in the order of
profiles, one partition per year. `payload` is a string: the JSON text that `events` gives back.

Read it only after HISTORY_COMPLETE_SQL returns a number greater than 0: until then, older events may be missing. Once that is
so, it stays so."""

HISTORY_COPIES_TABLE: Final = "history_copies"
"""What has been copied from `events` to `events_by_profile`: a row per month, and a row `complete` after all of them."""

STORAGE_DELAYS_TABLE: Final = "storage_delays"
"""AggregatingMergeTree by (tenant_id, minute) of storage, kept for two days: when the newest of the events was received; without
imports the number of events, and in `seconds` the state of quantilesTDigest(0.5, 0.95, 0.99) over the seconds since receipt."""

DEAD_LETTERS_TABLE: Final = "dead_letters"
"""ReplacingMergeTree by the place of a record in the log: events that were not stored. `line` is the event row as JSON."""

SUPPRESSIONS_TABLE: Final = "suppressions"
"""ReplacingMergeTree(changed_at) by (tenant_id, subject): whose events are not stored.

`subject` is a keyed hash of an id (`PersonHash`), made with the key `key_id`. With `state` `suppressed`, no event of theirs is
stored; with `lifted`, none that was received until `at`. The subject '' is the tenant's policy for later events: `refuse` or
`drop`. Read it with FINAL."""

HISTORY_COMPLETE_SQL: Final = "SELECT count() FROM history_copies WHERE name = 'complete'"


def shard_of(user_id: str, anonymous_id: str, shards: int) -> int:
    """Return the shard of a profile on a cluster: the remainder of `user_key`, as ClickHouse computes it from both ids."""
    return xxhash.xxh64_intdigest((user_id or anonymous_id).encode(errors="surrogatepass")) % shards


RESTORED_VERSION: Final = 2**64 - 1
"""The `version` of events that a backup has restored, so that they stand before every later delivery; see `version_of`."""

RESTORED_IMPORT_VERSION: Final = 2**63 - 1
"""The same for imported events."""


def version_of(offset: int, *, is_import: bool) -> int:
    """Return the `version` of an event by its record's offset: of repetitions, the one with the greatest version stays.

    It is the greatest for the record that was accepted first. Every live event has a greater one than every imported event.
    """
    return (RESTORED_IMPORT_VERSION if is_import else RESTORED_VERSION) - 1 - offset


MERGED_READ_SETTINGS: Final[dict[str, int]] = {
    "do_not_merge_across_partitions_select_final": 1,
    "optimize_move_to_prewhere": 0,
}
"""Settings of every FINAL read of events. Duplicates share their partition, so partitions are not merged with each other.
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
