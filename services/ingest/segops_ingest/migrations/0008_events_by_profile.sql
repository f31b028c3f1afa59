-- Events in the order of profiles: a read of one profile touches a few small granules, where `events` has one for each of
-- its events. A partition is a year, because each partition costs a granule more per profile. Repetitions of an event share
-- the sort key; the one with the greatest version stays, as in `events`.
--
-- The view fills the table from now on. The sink copies what is older, a month at a time, and notes each month in
-- `history_copies`. Nobody reads the table before that has the row `complete`. Its row `view` says since when the view has
-- existed: an insert that began before may have missed it.
CREATE TABLE IF NOT EXISTS events_by_profile ${on_cluster}
(
    tenant_id UInt64,
    user_key UInt64,
    timestamp DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    message_id String CODEC(ZSTD(1)),
    event_type LowCardinality(String),
    position UInt16 CODEC(ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    anonymous_id String CODEC(ZSTD(1)),
    payload String CODEC(ZSTD(1)),
    removed Array(String),
    empty_objects Array(String),
    original_timestamp Nullable(DateTime64(3, 'UTC')) CODEC(ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(T64, ZSTD(1)),
    source_partition UInt16,
    source_offset UInt64 CODEC(T64, ZSTD(1)),
    version UInt64 CODEC(T64, ZSTD(1))
)
ENGINE = ${versioned_merge_tree}
PARTITION BY toYear(timestamp)
ORDER BY (tenant_id, user_key, timestamp, message_id, event_type)
SETTINGS ${deduplication_window} = 100000, index_granularity = 256, min_compress_block_size = 16384,
    max_compress_block_size = 65536, min_age_to_force_merge_seconds = 604800, min_age_to_force_merge_on_partition_only = 1;

CREATE TABLE IF NOT EXISTS history_copies ${on_cluster}
(
    name String,
    at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replacing_merge_tree}
ORDER BY name;

CREATE MATERIALIZED VIEW IF NOT EXISTS events_by_profile_from_events ${on_cluster} TO events_by_profile AS
SELECT
    tenant_id, user_key, timestamp, message_id, event_type, position, user_id, anonymous_id,
    toJSONString(payload) AS payload, removed, empty_objects, original_timestamp, received_at, source_partition,
    source_offset, version
FROM events
SETTINGS json_type_escape_dots_in_keys = 1, output_format_json_quote_64bit_integers = 0;

-- Tables that are made in this run of `migrate` have no older events, and no insert can have missed the view.
-- unless SELECT count() FROM history_copies
INSERT INTO history_copies (name)
SELECT if(
    (SELECT count() FROM events) = 0
        AND (SELECT count() FROM schema_migrations WHERE service = 'ingest' AND number = 1 AND at < now() - 60) = 0,
    'complete', 'view'
);
