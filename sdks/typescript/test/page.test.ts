import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Options } from '../src/types.ts';
import {
  KEY,
  lockManager,
  MemoryStorage,
  numbers,
  openTab,
  settled,
  silentFetch,
  start,
  trackMany,
} from './support.ts';

let storage: MemoryStorage;

beforeEach(() => {
  storage = new MemoryStorage();
});
afterEach(() => {
  Reflect.deleteProperty(globalThis, 'localStorage');
});

/** A tab with a client in it. */
const visit = (replies: Parameters<typeof start>[0] = [], options: Partial<Options> = {}, locks?: object) => {
  const tab = openTab(storage, locks);
  return { ...tab, ...start(replies, { gzip: false, flushIntervalMs: 600_000, ...options }) };
};

test('ids are remembered over loads, until reset', async () => {
  const first = visit();
  first.client.track({ eventType: 'seen' });
  first.client.identify({ userId: 'user-1', traits: {} });
  first.client.alias({ userId: 'user-1' });
  await first.client.flush();
  const [seen, identified, joined] = first.requests[0]?.body.batch ?? [];
  expect(seen?.anonymous_id).toMatch(/^[0-9a-f-]{36}$/);
  expect(seen?.user_id).toBe(undefined);
  expect(identified).toMatchObject({ user_id: 'user-1', anonymous_id: seen?.anonymous_id });
  expect(joined?.previous_id).toBe(seen?.anonymous_id);

  const second = visit();
  second.client.track({ eventType: 'seen' });
  second.client.track({ userId: 'user-2', eventType: 'seen' });
  second.client.reset();
  second.client.track({ eventType: 'seen' });
  await second.client.flush();
  const [again, other, after] = second.requests[0]?.body.batch ?? [];
  expect(again).toMatchObject({ user_id: 'user-1', anonymous_id: seen?.anonymous_id });
  expect(other).toMatchObject({ user_id: 'user-2', anonymous_id: seen?.anonymous_id });
  expect(after?.user_id).toBe(undefined);
  expect(after?.anonymous_id).not.toBe(seen?.anonymous_id);
});

test('page() says which page', async () => {
  const { client, requests } = visit();
  client.page();
  client.page({ name: 'Pricing', payload: { path: '/own' } });
  await client.flush();
  const seen = { url: 'https://shop.test/pricing?a=1', title: 'Pricing', referrer: 'https://search.test/' };
  expect(requests[0]?.body.batch).toMatchObject([
    { type: 'page', payload: { path: '/pricing', ...seen } },
    { type: 'page', name: 'Pricing', payload: { path: '/own', ...seen } },
  ]);
});

test('a page whose storage is forbidden works, and remembers for itself', async () => {
  openTab(() => {
    throw new Error('SecurityError');
  });
  const { client, requests } = start();
  client.identify({ userId: 'user-1' });
  client.track({ eventType: 'seen' });
  await client.flush();
  const [first, second] = requests[0]?.body.batch ?? [];
  expect(second).toMatchObject({ user_id: 'user-1', anonymous_id: first?.anonymous_id });
});

test('a secret key in a page is told once, without the key, and nothing happens', async () => {
  const said: unknown[][] = [];
  vi.spyOn(console, 'warn').mockImplementation((...words) => said.push(words));
  const quiet = visit([], { apiKey: 'sk_live_secret', onError: undefined });
  const told = visit([], { apiKey: 'sk_live_secret' });
  for (const { client, close, show, requests } of [quiet, told]) {
    trackMany(client, 30);
    client.identify({ userId: 'u' });
    client.reset();
    close();
    show();
    await client.flush();
    expect(await client.shutdown()).toEqual({ sent: 0, dropped: 0 });
    expect(requests).toEqual([]);
  }
  expect(told.errors.map((error) => error.code)).toEqual(['secret_key_in_page']);
  expect(said).toEqual([['SegOps:', { code: 'secret_key_in_page', detail: expect.any(String) }]]);
  expect(JSON.stringify([said, told.errors])).not.toContain('sk_live');
  expect(storage.entries).toEqual(new Map());
});

test('a page that is left sends a simple request that outlives it', async () => {
  const inits: RequestInit[] = [];
  const fetch = (async (_: unknown, init: RequestInit) => {
    inits.push(init);
    return new Response('{}', { status: 202 });
  }) as typeof globalThis.fetch;
  const { client, close } = visit([], { fetch, gzip: true });
  trackMany(client, 19);
  close();
  await settled();
  expect(inits).toMatchObject([{ method: 'POST', keepalive: true, headers: { 'content-type': 'text/plain' } }]);
  expect(Object.keys(inits[0]?.headers ?? {})).toEqual(['content-type']);
  const body = JSON.parse(`${inits[0]?.body}`);
  expect(body).toMatchObject({ api_key: KEY, sent_at: expect.any(String) });
  expect(body.batch.length).toBe(19);
  expect(storage.left).toEqual([]);
  expect(client.stats()).toMatchObject({ queued: 0, sent: 19 });
});

test('a page that only says pagehide sends too', async () => {
  const { client, end, requests } = visit();
  trackMany(client, 3);
  end();
  await settled();
  expect(numbers(requests)).toEqual([[0, 1, 2]]);
});

test('what does not fit into 64 KB waits for the next page', async () => {
  const { client, hide, requests } = visit([], { flushAt: 1_000 });
  for (let n = 0; n < 10; n++) client.track({ eventType: 'tested', payload: { n, text: 'ä'.repeat(5_000) } });
  hide();
  await settled();
  expect(requests.length).toBe(1);
  expect(new TextEncoder().encode(JSON.stringify(requests[0]?.body)).length).toBeLessThanOrEqual(65_536);
  expect(numbers(requests)).toEqual([[0, 1, 2, 3, 4]]);
  expect(storage.left.map((event) => event.payload.n)).toEqual([5, 6, 7, 8, 9]);

  const next = visit();
  await settled();
  await next.client.flush();
  expect(numbers(next.requests)).toEqual([[5, 6, 7, 8, 9]]);
  expect(storage.left).toEqual([]);
});

test.each([
  ['fails', 500],
  ['does not arrive', new Error('no network')],
])('what is sent at the end is kept when it %s', async (_, reply) => {
  const { client, close } = visit([reply]);
  trackMany(client, 3);
  close();
  await settled();
  const next = visit();
  await settled();
  await next.client.flush();
  expect(numbers(next.requests)).toEqual([[0, 1, 2]]);
});

test('while a server is to be left alone, the end of a page only keeps', async () => {
  const { client, close, requests } = visit([{ status: 503, headers: { 'retry-after': '60' } }]);
  trackMany(client, 3);
  await client.flush();
  close();
  await settled();
  expect(requests.length).toBe(1);
  expect(storage.left.length).toBe(3);
});

test('what is on its way when the page ends goes along', async () => {
  const { fetch, signals } = silentFetch();
  const { client, close, errors } = visit([], { fetch });
  trackMany(client, 3);
  client.flush();
  await settled();
  close();
  await settled();
  expect(signals[0]?.aborted).toBe(true);
  expect(signals.length).toBe(2);
  expect(storage.left.length).toBe(3);
  expect(errors).toEqual([]);
});

test('what goes along is counted once', async () => {
  const fetch = (async (_: unknown, init: RequestInit) => {
    const body = new ReadableStream({
      start: (stream) => init.signal?.addEventListener('abort', () => stream.error(new Error('aborted'))),
    });
    return new Response(init.signal ? body : '{}', { status: 202 });
  }) as typeof globalThis.fetch;
  const { client, hide } = visit([], { fetch });
  trackMany(client, 3);
  client.flush();
  await settled();
  hide();
  await settled();
  expect(client.stats()).toMatchObject({ queued: 0, sent: 3, dropped: 0 });
});

test('a tab that is shown again takes back what it left', async () => {
  const { client, hide, show, requests } = visit([500]);
  trackMany(client, 3);
  hide();
  await settled();
  expect(client.stats().queued).toBe(0);
  show();
  await settled();
  await client.flush();
  expect(numbers(requests)).toEqual([
    [0, 1, 2],
    [0, 1, 2],
  ]);
  expect(client.stats()).toMatchObject({ sent: 3, dropped: 0 });
});

test.each([
  ['with locks', lockManager()],
  ['without locks', undefined],
  ['with locks that are refused', { request: () => Promise.reject(new Error('SecurityError')) }],
])('of two tabs one sends what was left, %s', async (_, locks) => {
  const left = visit([new Error('no network')]);
  const other = visit([new Error('no network')]);
  trackMany(left.client, 3);
  trackMany(other.client, 3, 3);
  left.close();
  other.close();
  await settled();
  expect(storage.left.length).toBe(6);
  const tabs = [visit([], {}, locks), visit([], {}, locks)];
  await settled();
  await Promise.all(tabs.map((tab) => tab.client.flush()));
  const sent = tabs.flatMap((tab) => numbers(tab.requests).flat());
  expect(sent.sort()).toEqual([0, 1, 2, 3, 4, 5]);
  expect(storage.left).toEqual([]);
});

test('clients with other keys share nothing', async () => {
  const left = visit([500]);
  trackMany(left.client, 3);
  left.close();
  await settled();
  const other = visit([], { apiKey: 'pk_live_another' });
  await settled();
  expect(other.client.stats().queued).toBe(0);
  expect(storage.left.length).toBe(3);
});

test('a full storage costs nothing that can still be sent', async () => {
  storage.full = 300;
  const { client, hide, requests } = visit([500]);
  trackMany(client, 3);
  hide();
  await settled();
  await client.flush();
  expect(storage.left).toEqual([]);
  expect(numbers(requests)).toEqual([
    [0, 1, 2],
    [0, 1, 2],
  ]);
  expect(client.stats()).toMatchObject({ queued: 0, sent: 3 });
});

test('what is kept is bounded', async () => {
  const { client, hide } = visit([500], { flushAt: 1_000 });
  for (let n = 0; n < 30; n++) client.track({ eventType: 'tested', payload: { n, text: 'x'.repeat(30_000) } });
  hide();
  await settled();
  expect(storage.left.length).toBe(14);
  expect(client.stats().queued).toBe(16);
});

test('rubbish in the storage is put away', async () => {
  const left = visit([500]);
  trackMany(left.client, 1);
  left.close();
  await settled();
  const [name] = [...storage.entries.keys()];
  storage.setItem(`${name}:0`, 'null');
  storage.setItem(`${name}:1`, '{"a"');
  storage.setItem('another', 'null');
  storage.setItem(`${name}`, '17');
  for (let n = 0; n < 3; n++) {
    visit();
    await settled();
  }
  expect(storage.left).toEqual([]);
  expect(storage.getItem('another')).toBe('null');
});

test('consent is remembered, and holds in every tab', async () => {
  const first = visit();
  const second = visit();
  trackMany(second.client, 2);
  first.client.optOut();
  await second.client.flush();
  trackMany(second.client, 2);
  const third = visit();
  trackMany(third.client, 2);
  for (const { client, requests } of [first, second, third]) {
    await client.flush();
    expect(requests).toEqual([]);
    expect(client.stats().queued).toBe(0);
  }
  expect([...storage.entries.values()].join()).not.toMatch(/[0-9a-f]{8}-/);
  third.client.optIn();
  trackMany(first.client, 1);
  await first.client.flush();
  expect(numbers(first.requests)).toEqual([[0]]);
});

test('a page that is left sends nothing when another tab has opted out', async () => {
  const first = visit();
  const second = visit();
  trackMany(second.client, 2);
  first.client.optOut();
  second.close();
  await settled();
  expect(second.requests).toEqual([]);
  expect(storage.left).toEqual([]);
  expect(second.errors.map((error) => error.code)).toEqual(['opted_out', 'opted_out']);
});

test('opting out also drops what pages have left', async () => {
  const left = visit([500]);
  trackMany(left.client, 3);
  left.close();
  await settled();
  expect(storage.left.length).toBe(3);
  const next = visit();
  next.client.optOut();
  await settled();
  next.client.optIn();
  await next.client.flush();
  expect(next.requests).toEqual([]);
  expect(storage.left).toEqual([]);
});

test('who has left has not changed their mind', async () => {
  const first = visit();
  const second = visit();
  first.client.optOut();
  second.client.reset();
  first.client.reset();
  trackMany(first.client, 1);
  expect(first.client.stats().queued).toBe(0);
  second.client.optIn();
  trackMany(first.client, 1);
  expect(first.client.stats().queued).toBe(1);
});

test('opting in again changes nothing', async () => {
  const { client, requests } = visit();
  client.track({ eventType: 'seen' });
  client.optIn();
  client.track({ eventType: 'seen' });
  await client.flush();
  const [first, second] = requests[0]?.body.batch ?? [];
  expect(second?.anonymous_id).toBe(first?.anonymous_id);
});

test('shutdown keeps in a page what it could not send', async () => {
  const { client, errors } = visit([], { fetch: silentFetch().fetch });
  trackMany(client, 3);
  expect(await client.shutdown(50)).toEqual({ sent: 0, dropped: 0 });
  expect(errors).toEqual([]);
  expect(storage.left.length).toBe(3);
});

test('a client that was shut down takes nothing back', async () => {
  const { client, hide, show } = visit([500]);
  trackMany(client, 3);
  hide();
  await client.shutdown();
  show();
  await settled();
  expect(client.stats().queued).toBe(0);
  expect(storage.left.length).toBe(3);
});

test('outside of pages a storage does the same', async () => {
  const first = start([500], { storage, gzip: false });
  first.client.identify({ userId: 'user-1' });
  await first.client.shutdown(0);
  const second = start([], { storage, gzip: false });
  second.client.track({ eventType: 'seen' });
  await settled();
  await second.client.flush();
  const batch = second.requests.flatMap(({ body }) => body.batch);
  const [identified, seen] = ['identify', 'track'].map((type) => batch.find((event) => event.type === type));
  expect(identified).toMatchObject({ user_id: 'user-1' });
  expect(seen).toMatchObject({ user_id: 'user-1', anonymous_id: identified?.anonymous_id });
});
