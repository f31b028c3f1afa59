/** The last 24 hours, as the API counts them: full hours of UTC, the last one is the present hour. */
import type { EventTypeRead } from '@/api/types';
import { largest } from '@/components/chart/bars';
import type { BarColumn, BarSeries } from '@/components/chart/StackedBars';

const HOUR_MS = 3_600_000;
const HOURS = 24;
const SHOWN_TYPES = 6;
const CLOCK = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const DAY_CLOCK = new Intl.DateTimeFormat('en-GB', { weekday: 'short', hour: '2-digit', minute: '2-digit' });

/** Return the starts of the last 24 hours, ascending, in milliseconds. */
export function hourStarts(now: number): number[] {
  const present = Math.floor(now / HOUR_MS) * HOUR_MS;
  return Array.from({ length: HOURS }, (_, at) => present - (HOURS - 1 - at) * HOUR_MS);
}

/** Return the start and end of an hour as the filters of the list. */
export function hourRange(start: number): { since: string; until: string } {
  return { since: new Date(start).toISOString(), until: new Date(start + HOUR_MS).toISOString() };
}

/** Name the columns in the viewer's zone; every fourth one on the axis. */
export function hourColumns(starts: readonly number[]): BarColumn[] {
  return starts.map((start, at) => ({
    key: String(start),
    axis: at % 4 === 1 ? CLOCK.format(start) : '',
    title: `${DAY_CLOCK.format(start)} – ${CLOCK.format(start + HOUR_MS)}`,
  }));
}

/** Write a range of the filters in the viewer's zone. */
export function rangeWords(since: string | undefined, until: string | undefined): [string, string] {
  const write = (at: string | undefined) =>
    at && !Number.isNaN(Date.parse(at)) ? DAY_CLOCK.format(Date.parse(at)) : '…';
  return [write(since), write(until)];
}

/** Return the bars of the most frequent types, and of all others together. */
export function volumeSeries(types: readonly EventTypeRead[], other: string): BarSeries[] {
  const all = types.map(({ event_type, last_24_hours }) => ({ label: event_type, values: last_24_hours }));
  const [kept, others] = largest(all, SHOWN_TYPES);
  const series = kept
    .filter(({ values }) => values.some((value) => value > 0))
    .map((one, at) => ({ ...one, color: `--so-chart-${at + 1}` }));
  return others.some((value) => value > 0)
    ? [...series, { label: other, color: '--so-chart-other', values: others }]
    : series;
}
