import { describe, expect, it } from 'vitest';
import { selecting, toQuery } from './filter';

describe('selecting', () => {
  it('keeps what the API takes', () => {
    const given = { action: 'api_key.created', actor: '7', target: 'user:7', since: '2026-01-30', until: '2026-01-31' };
    expect(selecting(given)).toEqual(given);
  });
  it('drops what the API would refuse', () => {
    expect(
      selecting({ action: 'api_key', actor: 'none', target: 'User 7', since: '30.1.', until: '2026-13-01' }),
    ).toEqual({});
    expect(selecting({ action: null, actor: '', target: undefined })).toEqual({});
  });
});

describe('toQuery', () => {
  it('includes the last day', () => {
    const { since = '', until = '' } = toQuery({ since: '2026-01-30', until: '2026-01-30' });
    expect(since).toBe(new Date(2026, 0, 30).toISOString());
    expect(until).toBe(new Date(2026, 0, 31).toISOString());
  });
  it('sends nothing that was not chosen', () => {
    expect(toQuery({})).toEqual({});
    expect(toQuery({ actor: '7', target: 'api_key' })).toEqual({ actor: 7, target: 'api_key' });
  });
});
