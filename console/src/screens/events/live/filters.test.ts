import { describe, expect, it } from 'vitest';
import type { EventRead } from '@/api/types';
import { joined, passes, present } from './filters';

const event: EventRead = {
  message_id: 'm-1',
  event_type: 'page_viewed',
  user_id: 'user-123',
  anonymous_id: 'browser-7',
  occurred_at: '2026-01-30T08:00:00Z',
  received_at: '2026-01-30T08:00:01Z',
  original_timestamp: null,
  payload: { path: '/Pricing' },
};

describe('passes', () => {
  it.each([
    [{}, true],
    [{ event_type: 'page_viewed' }, true],
    [{ event_type: 'page' }, false],
    [{ user_id: 'browser-7' }, true],
    [{ user_id: 'user-12' }, false],
    [{ q: '"path":"/pricing"' }, true],
    [{ q: '/docs' }, false],
    [{ since: '2026-01-30T08:00:00Z', until: '2026-01-30T09:00:00Z' }, true],
    [{ until: '2026-01-30T08:00:00Z' }, false],
  ])('judges %o', (filters, verdict) => {
    expect(passes(event, filters)).toBe(verdict);
  });

  it('finds no text in a payload that may not be seen', () => {
    expect(passes({ ...event, payload: null }, { q: 'pricing' })).toBe(false);
  });
});

it('keeps only filters that are set', () => {
  expect(present({ event_type: 'a', q: '' })).toEqual({ event_type: 'a' });
});

it('shows an event once that is both live and stored', () => {
  const other = { ...event, message_id: 'm-2' };
  expect(joined([event], [event, other]).map(({ message_id }) => message_id)).toEqual(['m-1', 'm-2']);
});
