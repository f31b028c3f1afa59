import { expect, it } from 'vitest';
import { type Measurement, measured } from './measurements';

it('keeps one point for each measurement, in milliseconds', () => {
  const first = measured([], '2026-01-30T08:00:00Z', 0.38);
  expect(first).toEqual([{ at: 1_769_760_000, ms: 380 }]);
  expect(measured(first, '2026-01-30T08:00:00Z', 0.38)).toBe(first);
  expect(measured(first, '2026-01-30T08:00:05Z', null)).toHaveLength(2);
});

it('keeps the newest 720', () => {
  let points: readonly Measurement[] = [];
  for (let second = 0; second < 800; second += 1) {
    points = measured(points, new Date(second * 1_000).toISOString(), 0);
  }
  expect(points).toHaveLength(720);
  expect(points[0]?.at).toBe(80);
});
