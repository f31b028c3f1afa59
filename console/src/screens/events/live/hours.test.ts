import { describe, expect, it } from 'vitest';
import { hourRange, hourStarts, volumeSeries } from './hours';

const type = (event_type: string, events: number) => ({
  event_type,
  count: events,
  first_seen: '2026-01-01T00:00:00Z',
  last_seen: '2026-01-30T00:00:00Z',
  last_24_hours: Array.from({ length: 24 }, (_, at) => (at === 23 ? events : 0)),
});

describe('hours', () => {
  it('end with the present full hour of UTC', () => {
    const starts = hourStarts(Date.parse('2026-01-30T08:59:59Z'));
    expect(starts).toHaveLength(24);
    expect(new Date(starts[23] as number).toISOString()).toBe('2026-01-30T08:00:00.000Z');
    expect(new Date(starts[0] as number).toISOString()).toBe('2026-01-29T09:00:00.000Z');
  });

  it('become a filter that includes the start and not the end', () => {
    expect(hourRange(Date.parse('2026-01-30T08:00:00Z'))).toEqual({
      since: '2026-01-30T08:00:00.000Z',
      until: '2026-01-30T09:00:00.000Z',
    });
  });
});

describe('volumeSeries', () => {
  it('shows six types and adds the others up', () => {
    const series = volumeSeries(
      [1, 2, 3, 4, 5, 6, 7, 8].map((events) => type(`t${events}`, events)),
      'Other',
    );
    expect(series.map(({ label }) => label)).toEqual(['t8', 't7', 't6', 't5', 't4', 't3', 'Other']);
    expect(series.at(-1)?.values.at(-1)).toBe(3);
  });

  it('leaves out types without an event in the range', () => {
    expect(volumeSeries([type('a', 0)], 'Other')).toEqual([]);
  });
});
