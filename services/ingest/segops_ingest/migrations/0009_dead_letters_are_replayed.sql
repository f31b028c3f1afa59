ALTER TABLE dead_letters ${on_cluster} ADD COLUMN IF NOT EXISTS replayed_at Nullable(DateTime64(3, 'UTC'));
