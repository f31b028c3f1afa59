import type { SegmentRead } from '@/api/types';
import { segments as words } from '@/strings/segments';
import classes from './segments.module.css';

/** A dot with a word: computed, computing, or a draft that has no members yet. */
export function Status({ status }: { status: SegmentRead['status'] }) {
  return (
    <span className={classes.status} data-status={status}>
      <i aria-hidden="true" />
      {words.status[status]}
    </span>
  );
}
