import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Membership, MembershipError, type MembershipOptions } from '../src/membership.ts';
import { silentFetch } from './support.ts';

type Reply = Error | { status?: number; segmentIds?: number[]; etag?: string };

/** A lookup before a server that gives `replies`, and then the last of them again. */
const start = (replies: Reply[], options: Partial<MembershipOptions> = {}) => {
  const asked: { url: string; headers: Record<string, string> }[] = [];
  const fetch = (async (url: unknown, init?: RequestInit) => {
    const reply = replies[Math.min(asked.length, replies.length - 1)] as Reply;
    asked.push({ url: `${url}`, headers: init?.headers as Record<string, string> });
    if (reply instanceof Error) throw reply;
    const { status = 200, segmentIds = [], etag } = reply;
    const body = status === 304 ? null : JSON.stringify({ user_id: 'u', segment_ids: segmentIds, cached: false });
    return new Response(body, { status, headers: etag ? { etag } : {} });
  }) as typeof globalThis.fetch;
  return {
    membership: new Membership({ apiUrl: 'https://segops.test', apiKey: 'sk_live_secret', fetch, ...options }),
    asked,
  };
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('asks the API as it is documented', async () => {
  const { membership, asked } = start([{ segmentIds: [42] }]);
  expect(await membership.segmentsOf('user 1/ä')).toEqual([42]);
  expect(await membership.isIn('user 1/ä', 42)).toBe(true);
  expect(await membership.isIn('user 1/ä', 43)).toBe(false);
  expect(asked).toEqual([
    {
      url: 'https://segops.test/api/segments/membership/?user_id=user%201%2F%C3%A4',
      headers: { authorization: 'ApiKey sk_live_secret' },
    },
  ]);
});

test('an answer is fresh, then used while a new one comes, then waited for', async () => {
  const held: Promise<unknown>[] = [];
  const { membership, asked } = start([{ segmentIds: [1] }, { segmentIds: [2] }, { segmentIds: [3] }], {
    freshMs: 1_000,
    staleMs: 5_000,
    waitUntil: (promise) => held.push(promise),
  });
  expect(await membership.segmentsOf('u')).toEqual([1]);
  vi.advanceTimersByTime(999);
  expect(await membership.segmentsOf('u')).toEqual([1]);
  expect(asked.length).toBe(1);
  vi.advanceTimersByTime(1);
  expect(await Promise.all([membership.segmentsOf('u'), membership.segmentsOf('u')])).toEqual([[1], [1]]);
  await Promise.all(held);
  expect(asked.length).toBe(2);
  expect(await membership.segmentsOf('u')).toEqual([2]);
  vi.advanceTimersByTime(6_000);
  expect(await membership.segmentsOf('u')).toEqual([3]);
});

test('an ETag is sent back, and 304 keeps the answer', async () => {
  const { membership, asked } = start(
    [{ segmentIds: [1], etag: '"7"' }, { status: 304, etag: '"7"' }, { status: 304 }, {}],
    {
      freshMs: 0,
      staleMs: 0,
    },
  );
  for (let n = 0; n < 3; n++) expect(await membership.segmentsOf('u')).toEqual([1]);
  expect(await membership.segmentsOf('u')).toEqual([]);
  await membership.segmentsOf('u');
  expect(asked.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"7"', '"7"', '"7"', undefined]);
});

test('304 makes an answer fresh again', async () => {
  const { membership, asked } = start([{ segmentIds: [1], etag: '"7"' }, { status: 304 }], {
    freshMs: 1_000,
    staleMs: 0,
  });
  for (let n = 0; n < 3; n++) {
    await membership.segmentsOf('u');
    vi.advanceTimersByTime(n ? 999 : 1_000);
  }
  expect(asked.length).toBe(2);
});

test('one request a user at a time', async () => {
  const { membership, asked } = start([{ segmentIds: [1] }]);
  await Promise.all([membership.segmentsOf('u'), membership.segmentsOf('u'), membership.segmentsOf('v')]);
  expect(asked.length).toBe(2);
});

test('the memory is bounded: the user unused for longest goes', async () => {
  const { membership, asked } = start([{ segmentIds: [1] }], { maxUsers: 2 });
  for (const user of ['a', 'b', 'a', 'c', 'a']) await membership.segmentsOf(user);
  expect(asked.length).toBe(3);
  await membership.segmentsOf('b');
  expect(asked.length).toBe(4);
  membership.forget('b');
  await membership.segmentsOf('b');
  expect(asked.length).toBe(5);
  membership.forget();
  await membership.segmentsOf('b');
  expect(asked.length).toBe(6);
});

test('when the server fails, a stale answer is used, and without one it is told', async () => {
  const { membership } = start([{ segmentIds: [1] }, { status: 503 }, new Error('no network')], {
    freshMs: 1_000,
    staleMs: 5_000,
  });
  await membership.segmentsOf('u');
  vi.advanceTimersByTime(2_000);
  expect(await membership.segmentsOf('u')).toEqual([1]);
  await vi.advanceTimersByTimeAsync(0);
  expect(await membership.segmentsOf('u')).toEqual([1]);
  await vi.advanceTimersByTimeAsync(10_000);
  await expect(membership.segmentsOf('u')).rejects.toMatchObject({ name: 'MembershipError', status: 0 });
  await expect(start([{ status: 403 }]).membership.segmentsOf('u')).rejects.toEqual(new MembershipError(403));
});

test('a secret key in a page is not sent', async () => {
  vi.stubGlobal('window', { document: {} });
  const { membership, asked } = start([{ segmentIds: [1] }]);
  await expect(membership.segmentsOf('u')).rejects.toMatchObject({
    status: 0,
    cause: 'a secret key must not be used in a page',
  });
  expect(asked).toEqual([]);
});

test('a server that never answers is given up', async () => {
  const { fetch } = silentFetch();
  const { membership } = start([{}], { fetch });
  const asked = expect(membership.segmentsOf('u')).rejects.toMatchObject({ status: 0 });
  await vi.advanceTimersByTimeAsync(2_000);
  await asked;
});

/** A server that answers each request with the next body, and what it was asked. */
const reader = (...bodies: (object | number)[]) => {
  const asked: { url: string; method: string | undefined; body: unknown }[] = [];
  const fetch = (async (url: string, init: RequestInit) => {
    asked.push({ url, method: init.method, body: init.body && JSON.parse(init.body as string) });
    const body = bodies.shift();
    return typeof body === 'number' ? new Response('{}', { status: body }) : Response.json(body);
  }) as typeof globalThis.fetch;
  return { membership: new Membership({ apiUrl: 'https://segops.test/', apiKey: 'sk_live_secret', fetch }), asked };
};

test('members are read page by page, to the end', async () => {
  const member = (n: number) => ({ user_id: `user-${n}`, computed_at: '2026-01-31T09:00:00Z' });
  const { membership, asked } = reader(
    { count: null, next: '/x', results: [member(1), member(2)], next_cursor: 'a+b' },
    { count: null, next: null, results: [member(3)], next_cursor: null },
  );
  const members: unknown[] = [];
  for await (const one of membership.members(42, 2)) members.push(one);
  expect(members).toEqual([1, 2, 3].map((n) => ({ userId: `user-${n}`, computedAt: '2026-01-31T09:00:00Z' })));
  expect(asked.map(({ url }) => url)).toEqual([
    'https://segops.test/api/segments/42/members/?limit=2',
    'https://segops.test/api/segments/42/members/?limit=2&cursor=a%2Bb',
  ]);
});

test('many users are looked up by a thousand', async () => {
  const row = (user_id: string) => ({ user_id, segment_ids: [7] });
  const ids = Array.from({ length: 1_001 }, (_, n) => `user-${n}`);
  const { membership, asked } = reader(
    { results: ids.slice(0, 1_000).map(row) },
    { results: ids.slice(1_000).map(row) },
  );
  const found = await membership.segmentsOfEach(ids);
  expect([found.size, found.get('user-1000')]).toEqual([1_001, [7]]);
  expect(asked.map(({ url, method, body }) => [url, method, (body as { user_ids: string[] }).user_ids.length])).toEqual(
    [
      ['https://segops.test/api/segments/membership/batch/', 'POST', 1_000],
      ['https://segops.test/api/segments/membership/batch/', 'POST', 1],
    ],
  );
});

test('an explanation is a line for each condition', async () => {
  const line = { index: 0, type: 'event_count', label: 'l', actual_value: 3, threshold: 2, matches: true };
  const { membership, asked } = reader([line], 404);
  expect(await membership.explain('user 1/ä', 42)).toEqual([line]);
  expect(asked[0]?.url).toBe('https://segops.test/api/explorer/users/user%201%2F%C3%A4/segments/42/explain/');
  await expect(membership.explain('user-1', 43)).rejects.toMatchObject({ name: 'MembershipError', status: 404 });
});

test('an address or a key that cannot work is refused at once', () => {
  for (const [change, text] of [
    [{ apiUrl: '' }, 'apiUrl'],
    [{ apiUrl: 'segops.test' }, 'apiUrl'],
    [{ apiUrl: 'https://segops.test/api' }, 'apiUrl'],
    [{ apiKey: '' }, 'apiKey'],
    [{ apiKey: 'pk_live_1' }, 'apiKey'],
  ] as const)
    expect(() => new Membership(Object.assign({ apiUrl: 'https://segops.test', apiKey: 'sk_live_1' }, change))).toThrow(
      text,
    );
});
