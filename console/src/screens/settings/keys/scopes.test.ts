import { describe, expect, it } from 'vitest';
import { DATA_SCOPES, keyRequest, maskedKey, NEW_KEY, originLines, summary } from './scopes';

const SECRET = { kind: 'secret', scopes: DATA_SCOPES, allowed_origins: [] } as const;
const PAGE = { kind: 'publishable', scopes: ['events:write'] } as const;

describe('what a key may do', () => {
  it('is everything only with all scopes of data', () => {
    expect(summary(SECRET)).toBe('Everything with data');
    expect(summary({ ...SECRET, scopes: DATA_SCOPES.slice(1) })).toBe('5 permissions');
    expect(summary({ ...SECRET, scopes: ['events:read'] })).toBe('See events, event types and properties');
  });
  it('names the pages of a publishable key', () => {
    const of = (allowed_origins: string[]) => summary({ ...PAGE, allowed_origins });
    expect(of([])).toBe('Send events from apps, no pages');
    expect(of(['*'])).toBe('Send events from any page');
    expect(of(['https://a.example'])).toBe('Send events from 1 origin');
    expect(of(['https://a.example', 'https://b.example'])).toBe('Send events from 2 origins');
  });
});

describe('a new key', () => {
  it('takes origins by line, comma or space', () => {
    expect(originLines(' https://a.example,\nhttps://b.example  http://localhost:3000\n\n')).toEqual([
      'https://a.example',
      'https://b.example',
      'http://localhost:3000',
    ]);
  });
  it('has no origins if it is secret, and no scopes if it is publishable', () => {
    const typed = { ...NEW_KEY, name: ' shop ', origins: 'https://a.example', signed: true };
    expect(keyRequest(typed, 7)).toEqual({ tenant: 7, name: 'shop', kind: 'secret', require_signed_user_id: false });
    expect(keyRequest({ ...typed, scopes: ['events:read'] }, 7)).toMatchObject({ scopes: ['events:read'] });
    expect(keyRequest({ ...typed, kind: 'publishable', scopes: ['events:read'] }, 7)).toEqual({
      tenant: 7,
      name: 'shop',
      kind: 'publishable',
      allowed_origins: ['https://a.example'],
      require_signed_user_id: true,
    });
  });
  it('shows only its end', () => expect(maskedKey({ prefix: 'sk_live_', last_four: 'R2D2' })).toBe('sk_live_…R2D2'));
});
