import { useQuery } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api, body } from '@/api/client';
import type { StatusRead } from '@/api/types';
import { duration } from '@/components/format';
import { text } from '@/strings';
import { useTenant } from '../tenant';
import classes from './frame.module.css';

const EVERY_MS = 5_000;
const LATE_S = 5;

/** What the dot says about a status. */
export function freshnessOf(status: StatusRead | undefined): { state: 'fresh' | 'late' | 'unknown'; words: string } {
  const storage = status?.storage;
  if (storage === undefined || storage.behind_seconds === null) {
    return { state: 'unknown', words: text.frame.freshness.unknown };
  }
  if (storage.behind_records === 0) return { state: 'fresh', words: text.frame.freshness.idle };
  const state = storage.behind_seconds > LATE_S ? 'late' : 'fresh';
  return { state, words: text.frame.freshness.behind(duration(storage.behind_seconds * 1_000)) };
}

/** A dot that says how far storage is behind what was received. It opens Status. */
export function Freshness() {
  const tenant = useTenant();
  const status = useQuery({
    queryKey: ['status', tenant.id],
    queryFn: () => body(api.GET('/api/status/', { params: { query: { tenant: tenant.id } } })),
    refetchInterval: EVERY_MS,
  });
  const { state, words } = freshnessOf(status.isError ? undefined : status.data);
  const behind = status.data?.storage.behind_seconds;
  const shown = typeof behind === 'number' ? (behind > 0 ? duration(behind * 1_000) : text.frame.freshness.live) : '';
  return (
    <Link
      to="/status"
      className={classes.fresh}
      title={words}
      aria-label={`${shown} ${words}`.trim()}
      data-state={state}
    >
      {shown !== '' && <span>{shown}</span>}
      <span className={classes.dot} />
    </Link>
  );
}
