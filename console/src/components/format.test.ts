import { describe, expect, it } from 'vitest';
import { bytes, count, duration, percent, relative, signed } from './format';

describe('numbers', () => {
  it('have separators, never abbreviations', () => expect(count(1_204_000)).toBe('1,204,000'));
  it('have a real minus', () => expect([signed(12), signed(-1_126), signed(0)]).toEqual(['+12', '−1,126', '0']));
  it('keep a digit where a share is small', () => expect([percent(0.5), percent(0.0123)]).toEqual(['50 %', '1.2 %']));
  it('of bytes have one unit', () => expect([bytes(0), bytes(999), bytes(1_536)]).toEqual(['0 B', '999 B', '1.5 KB']));
});

describe('times', () => {
  it('last as long as they say', () =>
    expect([duration(380), duration(2_600), duration(90_000), duration(3_780_000)]).toEqual([
      '380 ms',
      '2.6 s',
      '1 min 30 s',
      '1 h 3 min',
    ]));

  it('are relative to now', () => {
    const now = Date.parse('2026-01-30T08:00:00Z');
    expect(relative('2026-01-30T07:57:00Z', now)).toBe('3 minutes ago');
    expect(relative('2026-01-31T08:00:00Z', now)).toBe('tomorrow');
    expect(relative('2026-01-30T08:00:01Z', now)).toBe('now');
    expect(relative('2025-12-15T12:00:00Z', now)).toBe('15 Dec 2025');
  });
});
