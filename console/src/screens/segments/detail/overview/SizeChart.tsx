import { SegmentedControl } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { api, body } from '@/api/client';
import type { DayRead, SegmentDetail } from '@/api/types';
import { type Series, TimeChart } from '@/components/chart/TimeChart';
import { QueryState } from '@/components/states';
import { segment as words } from '@/strings/segment';
import { segmentKey } from '../queries';
import classes from './overview.module.css';

const RANGES = [30, 90, 365] as const;

/** Size per day as an area; below it, who entered (up) and exited (down). */
export function SizeChart({ segment }: { segment: SegmentDetail }) {
  const [days, setDays] = useState<number>(RANGES[0]);
  const query = useQuery({
    queryKey: [...segmentKey(segment.id), 'history', days],
    queryFn: () => readDays(segment.id, days),
    placeholderData: (old) => old,
  });
  return (
    <section className={classes.section}>
      <div className={classes.heading}>
        <h2>{words.overview.size}</h2>
        <SegmentedControl
          size="xs"
          aria-label={words.overview.range}
          value={String(days)}
          onChange={(next) => setDays(Number(next))}
          data={RANGES.map((range) => ({ value: String(range), label: words.overview.days(range) }))}
        />
      </div>
      <QueryState query={query}>{(data) => <Charts days={data} segment={segment} />}</QueryState>
    </section>
  );
}

async function readDays(id: number, days: number): Promise<DayRead[]> {
  const history = await body(
    api.GET('/api/segments/{segment_id}/history/', {
      params: { path: { segment_id: id }, query: { interval: 'day', days } },
    }),
  );
  return 'days' in history ? history.days : [];
}

/** Return the lines of both charts, ascending by day. There is nothing on days before the segment existed. */
export function seriesOf(
  days: readonly DayRead[],
  created: string,
): { times: number[]; size: Series[]; changes: Series[] } {
  const sorted = [...days].sort((a, b) => a.day.localeCompare(b.day));
  const first = created.slice(0, 10);
  const column = (value: (day: DayRead) => number) => sorted.map((day) => (day.day < first ? null : value(day)));
  const { users, entered, exited } = words.overview;
  return {
    times: sorted.map(({ day }) => Date.parse(day) / 1_000),
    size: [{ label: users, values: column((day) => day.member_count), color: '--so-accent', kind: 'area' }],
    changes: [
      { label: entered, values: column((day) => day.entered), color: '--so-entered', kind: 'bars', signed: true },
      { label: exited, values: column((day) => -day.exited), color: '--so-exited', kind: 'bars', signed: true },
    ],
  };
}

function Charts({ days, segment }: { days: readonly DayRead[]; segment: SegmentDetail }) {
  const { times, size, changes } = useMemo(() => seriesOf(days, segment.created_at), [days, segment.created_at]);
  const shared = { times, unit: words.overview.usersUnit, syncKey: `segment-${segment.id}`, daily: true };
  return (
    <>
      <TimeChart {...shared} label={words.overview.size} series={size} height={180} />
      {times.length > 0 && <TimeChart {...shared} label={words.overview.changesTitle} series={changes} height={120} />}
    </>
  );
}
