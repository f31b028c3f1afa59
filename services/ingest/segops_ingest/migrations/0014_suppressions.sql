-- Whose events are not stored, by keyed hashes of their ids. Membership writes it when a person is erased; the API and the sink
-- of ingest read what has changed.
CREATE TABLE IF NOT EXISTS suppressions ${on_cluster}
(
    tenant_id UInt64,
    subject String,
    state LowCardinality(String),
    at DateTime64(3, 'UTC'),
    key_id String,
    changed_at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = ${replacing_merge_tree}(changed_at)
ORDER BY (tenant_id, subject);
