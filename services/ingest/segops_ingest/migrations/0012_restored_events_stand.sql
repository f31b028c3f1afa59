-- The greatest version is kept for events that a backup has restored: they stand before every delivery to the new log, whose
-- offsets begin again. In one log, a later offset still has a smaller version than each row that is stored already.
ALTER TABLE events ${on_cluster} MODIFY COLUMN version UInt64 DEFAULT bitNot(source_offset + 1) CODEC(T64, ZSTD(1));
