import { describe, expect, it } from 'vitest';
import { safeNext } from './Login';
import { toSlug } from './slug';
import { strength } from './strength';

describe('a slug', () => {
  it('is made of the name', () => expect(toSlug('  Äcme & Söhne GmbH ')).toBe('acme-sohne-gmbh'));
  it('never begins or ends with a hyphen', () => expect(toSlug(`${'a'.repeat(62)}-b`)).toBe('a'.repeat(62)));
  it('is empty without letters', () => expect(toSlug('!!!')).toBe(''));
});

describe('the strength of a password', () => {
  it('grows with length, not with signs', () => {
    expect(strength('short')).toBe(0);
    expect(strength('password1')).toBe(1);
    expect(strength('correct horse battery staple')).toBe(4);
    expect(strength('aaaaaaaaaaaa')).toBeLessThan(strength('quiet otter lamp'));
  });
});

describe('the address after signing in', () => {
  it('is one of the console', () => {
    expect(safeNext('/segments/42?tab=members')).toBe('/segments/42?tab=members');
    for (const foreign of ['//evil.example', 'https://evil.example', '/\\evil.example', undefined]) {
      expect(safeNext(foreign)).toBe('/segments');
    }
  });
});
