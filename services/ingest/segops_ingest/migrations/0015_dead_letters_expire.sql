-- Dead letters are kept for 90 days from when they were written. A mark as replayed keeps the time of its letter.
ALTER TABLE dead_letters ${on_cluster} MODIFY TTL toDateTime(at) + INTERVAL 90 DAY;
