import { describe, expect, it } from 'vitest';
import { aligned, change, dayColumns, dayRange } from './trends';

const sizes = (...counts: number[]) => counts.map((count, at) => ({ day: `2026-01-0${at + 1}`, count }));

describe('change', () => {
  it('goes from the first known size to the last', () => {
    expect(change(sizes(10, 50, 4))).toBe(-6);
  });

  it('is not known from one size', () => {
    expect(change(sizes(10))).toBeNull();
    expect(change([])).toBeNull();
  });
});

describe('aligned', () => {
  it('puts all trends on the same 30 days', () => {
    const [times, values] = aligned([sizes(1, 2), [{ day: '2026-01-02', count: 7 }]]);
    expect(times).toHaveLength(30);
    expect(times.slice(-2).map((time) => new Date(time * 1_000).getUTCDate())).toEqual([1, 2]);
    expect(values.map((line) => line.slice(-3))).toEqual([
      [null, 1, 2],
      [null, null, 7],
    ]);
  });

  it('has no days without a size', () => {
    expect(aligned([[]])).toEqual([[], [[]]]);
  });
});

describe('days', () => {
  it('are days of UTC', () => {
    expect(dayRange('2026-01-30')).toEqual({ since: '2026-01-30T00:00:00.000Z', until: '2026-01-31T00:00:00.000Z' });
    expect(dayColumns(sizes(1))[0]?.axis).toBe('1 Jan');
  });
});
