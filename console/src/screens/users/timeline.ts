/** A timeline: events grouped by the day of the viewer. */
import type { EventRead } from '@/api/types';

export type TimelineRow = { kind: 'day'; at: string; events: number } | { kind: 'event'; event: EventRead };

function dayOf(at: string): string {
  const date = new Date(at);
  return `${date.getFullYear()}-${date.getMonth()}-${date.getDate()}`;
}

/** Put a heading before the events of each day. Events are descending by time. */
export function byDay(events: readonly EventRead[]): TimelineRow[] {
  const rows: TimelineRow[] = [];
  let heading: Extract<TimelineRow, { kind: 'day' }> | undefined;
  for (const event of events) {
    if (heading === undefined || dayOf(heading.at) !== dayOf(event.occurred_at)) {
      heading = { kind: 'day', at: event.occurred_at, events: 0 };
      rows.push(heading);
    }
    heading.events += 1;
    rows.push({ kind: 'event', event });
  }
  return rows;
}

/** Return how many days before the present day of the viewer an instant is. */
export function daysAgo(at: string, now: number): number {
  const midnight = (value: Date) => new Date(value.getFullYear(), value.getMonth(), value.getDate()).getTime();
  return Math.round((midnight(new Date(now)) - midnight(new Date(at))) / 86_400_000);
}
