import { describe, expect, it } from 'vitest';
import type { RunRead } from '@/api/types';
import { isFinal, phaseOf, shareOf } from './progress';

const run = (change: Partial<RunRead>) => ({ status: 'running', progress: null, ...change }) as RunRead;

describe('the progress of a run', () => {
  it('says what it waits for', () => expect(phaseOf(run({ status: 'queued' }))).toBe('Waiting for a worker'));

  it('never goes back between phases', () => {
    const steps = [
      { phase: 'numbering', done: 0, total: 1 },
      { phase: 'numbering', done: 1, total: 1 },
      { phase: 'evaluating', done: 3, total: 8 },
      { phase: 'comparing', done: 0, total: 0 },
      { phase: 'publishing', done: 1, total: 1 },
    ] as const;
    const shares = steps.map((progress) => shareOf(run({ progress })));
    expect(shares).toEqual([...shares].sort((a, b) => a - b));
    expect(shares.at(-1)).toBe(100);
  });

  it('ends with three states', () => {
    const ends = (['queued', 'running', 'succeeded', 'failed', 'superseded'] as const).map((status) =>
      isFinal(run({ status })),
    );
    expect(ends).toEqual([false, false, true, true, true]);
  });
});
