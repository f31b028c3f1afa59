import { afterEach, describe, expect, it, vi } from 'vitest';
import { uuid, withLock } from './browser';

afterEach(() => vi.unstubAllGlobals());

describe('on a page without HTTPS', () => {
  it('an identifier is a random UUID of version 4', () => {
    vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
    const ids = new Set(Array.from({ length: 100 }, uuid));
    expect(ids.size).toBe(100);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  });

  it('work is done without a lock', async () => {
    vi.stubGlobal('navigator', {});
    expect(await withLock('name', async () => 42)).toBe(42);
  });
});
