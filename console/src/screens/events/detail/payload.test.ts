import { describe, expect, it } from 'vitest';
import { leaves, searchFor, shown, summary } from './payload';

describe('leaves', () => {
  it('enters objects, and writes paths as conditions do', () => {
    const payload = { path: '/pricing', cart: { 'a.b': 2, empty: {} }, tags: ['x'] };
    expect(leaves(payload).map(({ path, value }) => [path, value])).toEqual([
      ['path', '/pricing'],
      ['cart.a\\.b', 2],
      ['cart.empty', {}],
      ['tags', ['x']],
    ]);
  });

  it('stops at 200 values', () => {
    const wide = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`k${at}`, { a: 1, b: 2 }]));
    expect(leaves(wide)).toHaveLength(200);
  });
});

describe('summary', () => {
  it('shows the first values in one line', () => {
    expect(summary({ path: '/pricing', total: 9.5, ok: true }, 2)).toBe('path: /pricing · total: 9.5');
  });

  it('is empty for a payload that may not be seen', () => {
    expect(summary(null)).toBe('');
  });
});

describe('shown and searchFor', () => {
  it('writes texts without quotes for people and with quotes for the search', () => {
    const leaf = { path: 'cart.currency', key: 'currency', value: 'EUR' };
    expect(shown(leaf.value)).toBe('EUR');
    expect(searchFor(leaf)).toBe('"currency":"EUR"');
  });

  it('has no search for a list', () => {
    expect(searchFor({ path: 'tags', key: 'tags', value: ['x'] })).toBeNull();
  });
});
