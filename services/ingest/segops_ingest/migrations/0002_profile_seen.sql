CREATE TABLE IF NOT EXISTS profile_seen ${on_cluster}
(
    tenant_id UInt64,
    user_key UInt64,
    user_id SimpleAggregateFunction(any, String),
    first_seen SimpleAggregateFunction(min, DateTime64(3, 'UTC'))
)
ENGINE = ${aggregating_merge_tree}
ORDER BY (tenant_id, user_key)
SETTINGS ${deduplication_window} = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS profile_seen_from_events ${on_cluster} TO profile_seen AS
SELECT
    tenant_id,
    user_key,
    any(if(events.user_id = '', anonymous_id, events.user_id)) AS user_id,
    min(timestamp) AS first_seen
FROM events
GROUP BY tenant_id, user_key;
