-- Who entered and exited since the members that were reported last, where those are not the published ones: after a run
-- that was incomplete, whose changes are not reported. Where it is false, the changes are entered_members and exited_members.
ALTER TABLE segment_runs ${on_cluster}
    ADD COLUMN IF NOT EXISTS has_unreported Bool DEFAULT false,
    ADD COLUMN IF NOT EXISTS unreported_entered AggregateFunction(groupBitmap, UInt32),
    ADD COLUMN IF NOT EXISTS unreported_exited AggregateFunction(groupBitmap, UInt32);
