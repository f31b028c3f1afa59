-- Two topics are stored, and a partition and an offset may be those of a record in either. Letters from before have ''.
-- unless SELECT count() FROM system.columns WHERE database = currentDatabase() AND table = 'dead_letters' AND name = 'topic'
ALTER TABLE dead_letters ${on_cluster}
    ADD COLUMN topic LowCardinality(String),
    MODIFY ORDER BY (tenant_id, source_partition, source_offset, message_id, topic);
