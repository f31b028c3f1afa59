-- Whether the event's `user_id` claims its `anonymous_id`. It was decided when the event was accepted. Events of earlier
-- versions claim nothing, so an upgrade changes no answer.
ALTER TABLE events ${on_cluster} ADD COLUMN IF NOT EXISTS joins Bool DEFAULT false;

-- Who claimed an anonymous id first: the claim with the smallest (timestamp, message_id), whatever the order of arrival.
CREATE TABLE IF NOT EXISTS identity_claims ${on_cluster}
(
    tenant_id UInt64,
    anonymous_key UInt64,
    anonymous_id SimpleAggregateFunction(any, String),
    first_claim SimpleAggregateFunction(min, Tuple(timestamp DateTime64(3, 'UTC'), message_id String, user_id String))
)
ENGINE = ${aggregating_merge_tree}
ORDER BY (tenant_id, anonymous_key)
SETTINGS ${deduplication_window} = 10000;

-- The same by user, to find the ids that a user claimed. Another user may have claimed such an id before.
CREATE TABLE IF NOT EXISTS identity_claims_by_user ${on_cluster}
(
    tenant_id UInt64,
    user_key UInt64,
    anonymous_key UInt64,
    anonymous_id SimpleAggregateFunction(any, String),
    first_claim SimpleAggregateFunction(min, Tuple(timestamp DateTime64(3, 'UTC'), message_id String))
)
ENGINE = ${aggregating_merge_tree}
ORDER BY (tenant_id, user_key, anonymous_key)
SETTINGS ${deduplication_window} = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS identity_claims_from_events ${on_cluster} TO identity_claims AS
SELECT
    tenant_id,
    xxHash64(events.anonymous_id) AS anonymous_key,
    any(events.anonymous_id) AS anonymous_id,
    min((timestamp, message_id, user_id)) AS first_claim
FROM events
WHERE joins AND user_id != '' AND events.anonymous_id != '' AND user_id != events.anonymous_id
GROUP BY tenant_id, anonymous_key;

CREATE MATERIALIZED VIEW IF NOT EXISTS identity_claims_by_user_from_events ${on_cluster} TO identity_claims_by_user AS
SELECT
    tenant_id,
    user_key,
    xxHash64(events.anonymous_id) AS anonymous_key,
    any(events.anonymous_id) AS anonymous_id,
    min((timestamp, message_id)) AS first_claim
FROM events
WHERE joins AND user_id != '' AND events.anonymous_id != '' AND user_id != events.anonymous_id
GROUP BY tenant_id, user_key, anonymous_key;

-- When an id was first the `user_id` of an event: from then on it is a known user, whom nobody can claim. The default is the
-- greatest time that the type has.
ALTER TABLE profile_seen ${on_cluster} ADD COLUMN IF NOT EXISTS
    first_known SimpleAggregateFunction(min, DateTime64(3, 'UTC')) DEFAULT toDateTime64('2299-12-31 00:00:00', 3, 'UTC');

ALTER TABLE profile_seen_from_events ${on_cluster} MODIFY QUERY
SELECT
    tenant_id,
    user_key,
    any(if(events.user_id = '', anonymous_id, events.user_id)) AS user_id,
    min(timestamp) AS first_seen,
    min(if(events.user_id = '', toDateTime64('2299-12-31 00:00:00', 3, 'UTC'), timestamp)) AS first_known
FROM events
GROUP BY tenant_id, user_key;

-- An insert that began before the view changed fills the column with its default, and may end after the next statement has
-- read the events. An insert runs for at most nine seconds, so those have ended then.
-- unless SELECT count() = 0 FROM storage_delays WHERE last_received_at > now() - INTERVAL 10 MINUTE
SELECT sleepEachRow(1) FROM numbers(10)
SETTINGS function_sleep_max_microseconds_per_block = 20000000, max_execution_time = 60;

-- Running this again changes nothing.
INSERT INTO profile_seen (tenant_id, user_key, user_id, first_seen, first_known)
SELECT tenant_id, user_key, any(events.user_id), min(timestamp), min(timestamp)
FROM events
WHERE events.user_id != ''
GROUP BY tenant_id, user_key
SETTINGS max_bytes_before_external_group_by = 268435456, max_bytes_ratio_before_external_group_by = 0, max_threads = 2;
