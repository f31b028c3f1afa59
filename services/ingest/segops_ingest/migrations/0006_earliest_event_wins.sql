-- Of events with the same identity, the one that was accepted first stays: `version` is greatest for the least offset of
-- the log. Events of an import set it themselves, to bitAnd(bitNot(source_offset), 9223372036854775807), so that any event
-- of the live topic is before them.
--
-- A part of the table has at most 32 paths of a payload as columns, each with at most 2 types; an array of objects has a
-- quarter of the paths and half of the types. All other paths share a few columns. So no payload, however many names it
-- has, makes an insert or a merge slow or runs out of open files. Nobody queries `context`, so its paths all share columns.
--
-- The table is made anew, because a table's engine cannot change. Until the tables are exchanged, a view copies what is
-- inserted meanwhile. A row that is copied twice has the same key and version, so it counts once. `unless` lets the file
-- run again after a crash: once `events` has a version, nothing is copied or exchanged.

-- unless SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = 'events' AND name = 'version'
CREATE TABLE IF NOT EXISTS events_next ${on_cluster}
(
    tenant_id UInt64,
    event_type LowCardinality(String),
    user_key UInt64 MATERIALIZED xxHash64(if(user_id = '', anonymous_id, user_id)),
    timestamp DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    message_id String CODEC(ZSTD(1)),
    position UInt16 CODEC(ZSTD(1)),
    kind LowCardinality(String),
    user_id String CODEC(ZSTD(1)),
    anonymous_id String CODEC(ZSTD(1)),
    payload JSON(max_dynamic_paths = 32, max_dynamic_types = 2),
    context JSON(max_dynamic_paths = 0, max_dynamic_types = 0),
    removed Array(String),
    empty_objects Array(String),
    original_timestamp Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    source_partition UInt16,
    source_offset UInt64 CODEC(T64, ZSTD(1)),
    version UInt64 DEFAULT bitNot(source_offset) CODEC(T64, ZSTD(1))
)
ENGINE = ${versioned_merge_tree}
PARTITION BY toYYYYMM(timestamp)
ORDER BY (tenant_id, event_type, user_key, timestamp, message_id)
SETTINGS ${deduplication_window} = 10000, min_age_to_force_merge_seconds = 604800, min_age_to_force_merge_on_partition_only = 1,
    object_shared_data_buckets_for_compact_part = 4, object_shared_data_buckets_for_wide_part = 8;

-- unless SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = 'events' AND name = 'version'
CREATE MATERIALIZED VIEW IF NOT EXISTS events_next_from_events ${on_cluster} TO events_next AS
SELECT
    tenant_id, event_type, timestamp, message_id, kind, user_id, anonymous_id, payload, context, removed, received_at,
    source_partition, source_offset
FROM events;

-- unless SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = 'events' AND name = 'version'
INSERT INTO events_next
    (tenant_id, event_type, timestamp, message_id, kind, user_id, anonymous_id, payload, context, removed, received_at,
     source_partition, source_offset)
SELECT
    tenant_id, event_type, timestamp, message_id, kind, user_id, anonymous_id, payload, context, removed, received_at,
    source_partition, source_offset
FROM events
SETTINGS max_partitions_per_insert_block = 0, max_threads = 2, max_block_size = 8192,
    min_insert_block_size_bytes = 67108864, json_type_escape_dots_in_keys = 1;

-- unless SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = 'events' AND name = 'version'
EXCHANGE TABLES events AND events_next ${on_cluster};

DROP VIEW IF EXISTS events_next_from_events ${on_cluster};

DROP TABLE IF EXISTS events_next ${on_cluster} SETTINGS max_table_size_to_drop = 0;
