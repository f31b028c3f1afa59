import { describe, expect, it } from 'vitest';
import { firstToLeave, outlookOf } from './forecast';

const verdict = { holds: true, next_change_at: null, next_change_unknown: false, stale: false };
const at = (next_change_at: string) => ({ ...verdict, next_change_at });
const membership = (segment_id: number, forecast: typeof verdict | ReturnType<typeof at> | null) => ({
  segment_id,
  segment_name: `Segment ${segment_id}`,
  forecast,
});

describe('outlookOf', () => {
  it.each([
    [null, 'unread'],
    [verdict, 'stays'],
    [at('2026-12-03T00:00:00Z'), 'leaves'],
    [{ ...verdict, next_change_unknown: true }, 'unknown'],
    [{ ...verdict, holds: false }, 'left'],
    [{ ...at('2026-12-03T00:00:00Z'), holds: false }, 'left'],
  ])('of %j is %s', (forecast, outlook) => {
    expect(outlookOf({ forecast })).toBe(outlook);
  });
});

describe('firstToLeave', () => {
  it('is the earliest end of a membership, whatever the form of its time', () => {
    const rows = [
      membership(1, verdict),
      membership(2, at('2026-12-03T00:00:00Z')),
      membership(3, at('2026-12-02T23:59:59.999Z')),
      membership(4, { ...at('2026-12-01T00:00:00Z'), holds: false }),
    ];
    expect(firstToLeave(rows)).toEqual({ row: rows[2], at: '2026-12-02T23:59:59.999Z' });
  });

  it('is nothing if all stay', () => {
    expect(firstToLeave([membership(1, verdict), membership(2, null)])).toBeNull();
  });
});
