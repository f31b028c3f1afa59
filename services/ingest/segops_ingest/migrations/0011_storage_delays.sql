-- How long events take from receipt to storage, per tenant and minute. `events` and `seconds` leave imported events out: they
-- wait for larger batches. The clocks are those of the API that accepted an event and of this server.
CREATE TABLE IF NOT EXISTS storage_delays ${on_cluster}
(
    tenant_id UInt64,
    minute DateTime('UTC'),
    last_received_at SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    events SimpleAggregateFunction(sum, UInt64),
    seconds AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float32)
)
ENGINE = ${aggregating_merge_tree}
ORDER BY (tenant_id, minute)
TTL minute + INTERVAL 2 DAY
SETTINGS ${deduplication_window} = 10000;

CREATE MATERIALIZED VIEW IF NOT EXISTS storage_delays_from_events ${on_cluster} TO storage_delays AS
SELECT
    tenant_id,
    toStartOfMinute(now('UTC')) AS minute,
    max(received_at) AS last_received_at,
    countIf(version > 9223372036854775807) AS events,
    quantilesTDigestStateIf(0.5, 0.95, 0.99)(
        toFloat32(greatest(0, dateDiff('millisecond', received_at, now64(3, 'UTC'))) / 1000),
        version > 9223372036854775807
    ) AS seconds
FROM events
GROUP BY tenant_id, minute;
