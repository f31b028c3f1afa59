/** Sizes of segments over days. */
import type { SegmentTrendRead, UsageRead } from '@/api/types';
import type { BarColumn } from '@/components/chart/StackedBars';

const DAY = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const FULL = new Intl.DateTimeFormat('en-GB', { dateStyle: 'full', timeZone: 'UTC' });
const LABELS = 6;
const DAYS = 30;
const DAY_MS = 86_400_000;

/** Return the change from the first known size to the last; null if there is only one. */
export function change(trend: SegmentTrendRead['trend']): number | null {
  const first = trend[0];
  const last = trend.at(-1);
  return first === undefined || last === undefined || trend.length < 2 ? null : last.count - first.count;
}

/** Return the last 30 days in seconds, ascending, and the values of each trend on them; null where it has none. */
export function aligned(trends: readonly SegmentTrendRead['trend'][]): [number[], (number | null)[][]] {
  const last = trends
    .flatMap((trend) => trend.map(({ day }) => day))
    .sort()
    .at(-1);
  const days = last === undefined ? [] : daysUntil(Date.parse(last));
  const values = trends.map((trend) => {
    const sizes = new Map(trend.map(({ day, count }) => [day, count]));
    return days.map((day) => sizes.get(day) ?? null);
  });
  return [days.map((day) => Date.parse(day) / 1_000), values];
}

function daysUntil(last: number): string[] {
  return Array.from({ length: DAYS }, (_, at) => new Date(last - (DAYS - 1 - at) * DAY_MS).toISOString().slice(0, 10));
}

/** Name the columns of days, which are days of UTC; about six on the axis. */
export function dayColumns(days: UsageRead['events']): BarColumn[] {
  const step = Math.ceil(days.length / LABELS);
  return days.map(({ day }, at) => ({
    key: day,
    axis: (days.length - 1 - at) % step === Math.floor(step / 2) ? DAY.format(Date.parse(day)) : '',
    title: FULL.format(Date.parse(day)),
  }));
}

/** Return the start and end of a day of UTC as filters of events. */
export function dayRange(day: string): { since: string; until: string } {
  const start = Date.parse(day);
  return { since: new Date(start).toISOString(), until: new Date(start + DAY_MS).toISOString() };
}
