/** What time alone does to the memberships of a user. */
import type { UserSegmentRead } from '@/api/types';

type Membership = Pick<UserSegmentRead, 'segment_id' | 'segment_name' | 'forecast'>;

/**
 * What becomes of a membership if no new events arrive. `left`: the user does not match any more, so the next run
 * removes them.
 */
export type Outlook = 'unread' | 'left' | 'leaves' | 'stays' | 'unknown';

export function outlookOf({ forecast }: Pick<Membership, 'forecast'>): Outlook {
  if (!forecast) return 'unread';
  if (!forecast.holds) return 'left';
  if (forecast.next_change_unknown) return 'unknown';
  return forecast.next_change_at === null ? 'stays' : 'leaves';
}

/** Return the membership that time alone ends first, and when; null if there is none. */
export function firstToLeave<Row extends Membership>(rows: readonly Row[]): { row: Row; at: string } | null {
  const leaving = rows.flatMap((row) => {
    const at = row.forecast?.next_change_at;
    return outlookOf(row) === 'leaves' && at ? [{ row, at }] : [];
  });
  return leaving.reduce<(typeof leaving)[number] | null>(
    (first, next) => (first === null || Date.parse(next.at) < Date.parse(first.at) ? next : first),
    null,
  );
}
