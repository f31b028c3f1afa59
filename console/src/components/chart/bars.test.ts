import { describe, expect, it } from 'vitest';
import { largest, stacked, ticks } from './bars';

const series = (label: string, values: number[]) => ({ label, color: '--so-chart-1', values });

describe('stacked', () => {
  it('puts each series on the ones before, and leaves zeros out', () => {
    expect(stacked([series('a', [1, 0]), series('b', [2, 3])], 2)).toEqual([
      [
        { series: 0, from: 0, to: 1 },
        { series: 1, from: 1, to: 3 },
      ],
      [{ series: 1, from: 0, to: 3 }],
    ]);
  });
});

describe('ticks', () => {
  it.each([
    [0, [0, 1]],
    [1, [0, 1]],
    [7, [0, 5, 10]],
    [100, [0, 50, 100]],
    [4_500, [0, 2_000, 4_000, 6_000]],
  ])('of %d are round and reach it', (highest, expected) => {
    expect(ticks(highest)).toEqual(expected);
  });
});

describe('largest', () => {
  it('adds up what is not among the largest', () => {
    const [kept, others] = largest([series('a', [1, 1]), series('b', [5, 5]), series('c', [2, 3])], 1);
    expect(kept.map(({ label }) => label)).toEqual(['b']);
    expect(others).toEqual([3, 4]);
  });
});
