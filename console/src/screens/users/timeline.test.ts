import { describe, expect, it } from 'vitest';
import { byDay, daysAgo } from './timeline';

const at = (occurred_at: string) => ({
  message_id: occurred_at,
  event_type: 'login',
  user_id: 'user-123',
  anonymous_id: null,
  occurred_at,
  received_at: occurred_at,
  original_timestamp: null,
  payload: {},
});

describe('byDay', () => {
  it('puts a heading with a count before the events of each day', () => {
    const rows = byDay([at('2026-01-30T12:30:00'), at('2026-01-30T12:00:00'), at('2026-01-28T12:00:00')]);
    expect(rows.map((row) => (row.kind === 'day' ? row.events : row.event.message_id))).toEqual([
      2,
      '2026-01-30T12:30:00',
      '2026-01-30T12:00:00',
      1,
      '2026-01-28T12:00:00',
    ]);
  });

  it('is empty without events', () => {
    expect(byDay([])).toEqual([]);
  });
});

describe('daysAgo', () => {
  it('counts midnights of the viewer', () => {
    const now = Date.parse('2026-01-30T00:10:00');
    expect(daysAgo('2026-01-30T00:05:00', now)).toBe(0);
    expect(daysAgo('2026-01-29T23:59:00', now)).toBe(1);
    expect(daysAgo('2026-01-20T12:00:00', now)).toBe(10);
  });
});
