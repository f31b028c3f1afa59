import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Options, SegOpsError } from '../src/types.ts';
import { KEY, numbers, silentFetch, start, trackMany } from './support.ts';

const PLAIN: Partial<Options> = { gzip: false };
const retries = (errors: SegOpsError[]) => errors.filter((error) => error.code === 'retry');

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('the wait after a failure is anything up to a bound that doubles, from 0.2 to 30 seconds', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.5);
  const { client, errors } = start(Array(10).fill(503), PLAIN);
  trackMany(client, 1);
  await client.flush();
  await vi.advanceTimersByTimeAsync(120_000);
  expect(retries(errors).map((error) => error.retryMs)).toEqual([
    100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 15_000, 15_000,
  ]);
  expect(client.stats()).toMatchObject({ queued: 0, sent: 1, dropped: 0 });
});

test('a success begins the waits anew', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(1);
  const { client, errors } = start([500, 500, 202, new Error('no network')], PLAIN);
  trackMany(client, 1);
  await client.flush();
  await vi.advanceTimersByTimeAsync(1_000);
  trackMany(client, 1);
  await client.flush();
  expect(retries(errors).map((error) => [error.status, error.retryMs])).toEqual([
    [500, 200],
    [500, 400],
    [undefined, 200],
  ]);
});

test.each([
  ['seconds', () => '7', 7_000],
  ['a date', () => new Date(Date.now() + 7_000).toUTCString(), 6_000],
  ['a day at most', () => '99999999999', 86_400_000],
])('Retry-After is kept to, as %s', async (_, header, ms) => {
  const { client, requests } = start([{ status: 503, headers: { 'retry-after': header() } }], PLAIN);
  trackMany(client, 1);
  await client.flush();
  trackMany(client, 30);
  await client.flush();
  await vi.advanceTimersByTimeAsync(ms - 1);
  await client.flush();
  expect(requests.length).toBe(1);
  await vi.advanceTimersByTimeAsync(1_001);
  expect(requests.length).toBe(2);
});

test('Retry-After: 0 makes no waits shorter', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(1);
  const { client, errors } = start(Array(3).fill({ status: 429, headers: { 'retry-after': '0' } }), PLAIN);
  trackMany(client, 1);
  await client.flush();
  await vi.advanceTimersByTimeAsync(2_000);
  expect(retries(errors).map((error) => error.retryMs)).toEqual([200, 400, 800]);
});

test('Retry-After counts with every refusal', async () => {
  const { client, requests } = start([{ status: 413, headers: { 'retry-after': '7' } }], PLAIN);
  trackMany(client, 4);
  await client.flush();
  await vi.advanceTimersByTimeAsync(6_999);
  expect(requests.length).toBe(1);
  await vi.advanceTimersByTimeAsync(1);
  expect(numbers(requests)).toEqual([
    [0, 1, 2, 3],
    [0, 1],
    [2, 3],
  ]);
});

test.each(['', 'soon', '-5', 'Thu, 01 Jan 1970 00:00:00 GMT'])('Retry-After: %j asks for nothing', async (value) => {
  const { client, errors } = start([{ status: 503, headers: { 'retry-after': value } }], PLAIN);
  trackMany(client, 1);
  await client.flush();
  expect(errors[0]?.retryMs).toBeLessThanOrEqual(200);
});

test('one request is tried after a failure, and the others follow its success', async () => {
  const { client, requests } = start(Array(3).fill(500), PLAIN);
  trackMany(client, 250);
  await client.flush();
  expect(requests.length).toBe(1);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(requests.map(({ body }) => body.batch.length)).toEqual([100, 100, 100, 100, 100, 50]);
  expect(new Set(requests.slice(0, 4).map(({ body }) => body.batch[0]?.message_id)).size).toBe(1);
});

test('413 halves, until it fits', async () => {
  const { client, requests, errors } = start([413, 413], PLAIN);
  trackMany(client, 8);
  await client.flush();
  expect(numbers(requests)).toEqual([
    [0, 1, 2, 3, 4, 5, 6, 7],
    [0, 1, 2, 3],
    [0, 1],
    [2, 3, 4],
    [5, 6, 7],
  ]);
  expect(errors).toEqual([]);
});

test('an event that is too large by itself is dropped', async () => {
  const { client, requests, errors } = start([413, 413, 202], PLAIN);
  trackMany(client, 3);
  await client.flush();
  expect(numbers(requests)).toEqual([[0, 1, 2], [0], [1, 2]]);
  expect(errors.map((error) => [error.code, error.status, error.event?.payload])).toEqual([['refused', 413, { n: 0 }]]);
});

test.each([400, 422])('%i by name drops only what is named', async (status) => {
  const refusals = [
    { path: 'batch[1].payload', code: 'missing', detail: 'one' },
    { path: 'batch.3', code: 'missing', detail: 'three' },
  ];
  const { client, requests, errors } = start([{ status, body: { errors: refusals } }], PLAIN);
  trackMany(client, 5);
  await client.flush();
  expect(numbers(requests)).toEqual([
    [0, 1, 2, 3, 4],
    [0, 2, 4],
  ]);
  expect(errors.map(({ code, detail, event }) => [code, detail, event?.payload])).toEqual([
    ['refused', 'payload: one', { n: 1 }],
    ['refused', 'three', { n: 3 }],
  ]);
});

const accepts = (isGood: (n: number) => boolean, answers: unknown[] = [{}]) => {
  const asked: number[][] = [];
  const fetch = (async (_: unknown, init?: RequestInit) => {
    const ns = JSON.parse(`${init?.body}`).batch.map((event: { payload: { n: number } }) => event.payload.n);
    asked.push(ns);
    const body = JSON.stringify(answers[asked.length % answers.length]);
    return ns.every(isGood) ? new Response('{}', { status: 202 }) : new Response(body, { status: 400 });
  }) as typeof globalThis.fetch;
  return { fetch, asked };
};

test.each([[0], [37], [99], [0, 1], [13, 77], [98, 99]])('400 without names finds %j by halves', async (...bad) => {
  const { fetch, asked } = accepts((n) => !bad.includes(n));
  const { client, errors } = start([], { ...PLAIN, fetch });
  trackMany(client, 100);
  await client.flush();
  expect(errors.map((error) => error.event?.payload)).toEqual(bad.map((n) => ({ n })));
  expect(client.stats()).toMatchObject({ queued: 0, sent: 100 - bad.length, dropped: bad.length });
  expect(asked.length).toBeLessThanOrEqual(20 * bad.length);
});

test('an answer of any shape neither throws nor loops', async () => {
  const { fetch } = accepts(
    (n) => n !== 3,
    [
      null,
      'x',
      [],
      { errors: 5 },
      { errors: [null, 7, {}] },
      { errors: [{ path: 'batch[99]' }, { index: -1 }, { path: 1 }] },
    ],
  );
  const { client, errors } = start([], { ...PLAIN, fetch });
  trackMany(client, 10);
  await client.flush();
  expect(errors.map((error) => error.event?.payload)).toEqual([{ n: 3 }]);
  expect(client.stats()).toMatchObject({ queued: 0, sent: 9 });
});

test('202 with errors drops those', async () => {
  const body = { status: 'accepted', errors: [{ index: 1, code: 'refused', detail: 'payload: not wanted' }] };
  const { client, requests, errors } = start([{ status: 202, body }]);
  trackMany(client, 3);
  await client.flush();
  expect(requests.length).toBe(1);
  expect(errors).toMatchObject([{ code: 'refused', detail: 'payload: not wanted', event: { payload: { n: 1 } } }]);
  expect(client.stats()).toMatchObject({ queued: 0, sent: 2, dropped: 1 });
});

test('202 that cannot be read is a success', async () => {
  const fetch = (async () => new Response('<html>', { status: 202 })) as typeof globalThis.fetch;
  const { client } = start([], { fetch });
  trackMany(client, 3);
  await client.flush();
  expect(client.stats()).toMatchObject({ queued: 0, sent: 3 });
});

test.each([401, 403])('%i is told once; events are kept within the caps and not sent', async (status) => {
  const said = { status, body: { detail: 'The key was revoked.' } };
  const { client, requests, errors } = start([said], { maxQueueEvents: 3 });
  trackMany(client, 3);
  await client.flush();
  await client.flush();
  await vi.advanceTimersByTimeAsync(100_000);
  expect(requests.length).toBe(1);
  expect(errors).toEqual([{ code: 'unauthorized', status, detail: 'The key was revoked.' }]);
  trackMany(client, 1, 3);
  expect(errors[1]).toMatchObject({ code: 'queue_full', event: { payload: { n: 0 } } });
  expect(await client.shutdown()).toEqual({ sent: 0, dropped: 4 });
});

test('bodies above 1 KB are compressed, until the server refuses that', async () => {
  vi.useRealTimers();
  const { client, requests, errors } = start([202, 202, 415]);
  for (const count of [1, 20, 20, 20]) {
    trackMany(client, count);
    await client.flush();
  }
  expect(requests.map(({ headers }) => headers['content-encoding'])).toEqual([
    undefined,
    'gzip',
    'gzip',
    undefined,
    undefined,
  ]);
  expect(errors).toEqual([]);
  expect(client.stats()).toMatchObject({ sent: 61 });
});

test('where CompressionStream is missing, bodies are plain', async () => {
  vi.stubGlobal('CompressionStream', undefined);
  const { client, requests } = start();
  trackMany(client, 50);
  await client.shutdown();
  expect(requests.map(({ headers }) => headers['content-encoding'])).toEqual([undefined]);
});

test('a 415 to a plain body is repeated later', async () => {
  const { client, requests, errors } = start([415], PLAIN);
  trackMany(client, 1);
  await client.flush();
  expect(retries(errors).length).toBe(1);
  await vi.advanceTimersByTimeAsync(200);
  expect(requests.length).toBe(2);
});

test('a request without an answer is given up after ten seconds, and repeated', async () => {
  const { fetch, signals } = silentFetch();
  const { client, errors } = start([], { fetch });
  trackMany(client, 1);
  const flushed = client.flush();
  await vi.advanceTimersByTimeAsync(9_999);
  expect(errors).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  await flushed;
  expect(errors).toMatchObject([{ code: 'retry', status: undefined }]);
  await vi.advanceTimersByTimeAsync(200);
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, false]);
});

test('shutdown sends everything', async () => {
  const { client, requests } = start([500, 500], PLAIN);
  trackMany(client, 150);
  const closing = client.shutdown();
  expect(client.shutdown()).toBe(closing);
  await vi.advanceTimersByTimeAsync(1_000);
  expect(await closing).toEqual({ sent: 150, dropped: 0 });
  expect(requests.length).toBe(4);
});

const faults: [string, Partial<Options>, Parameters<typeof start>[0]][] = [
  ['never answers', { fetch: silentFetch().fetch }, []],
  ['always fails', {}, Array(10_000).fill(500)],
  ['has no network', {}, Array(10_000).fill(new Error('no network'))],
  ['asks to come back in an hour', {}, [{ status: 429, headers: { 'retry-after': '3600' } }]],
  ['does not take the key', {}, [401]],
];

test.each(faults)('shutdown ends in its time when a server %s', async (_, options, replies) => {
  const { client, errors } = start(replies, { ...PLAIN, retryMaxMs: 300, ...options });
  trackMany(client, 3);
  let result: object | undefined;
  client.shutdown(3_000).then((counts) => {
    result = counts;
  });
  await vi.advanceTimersByTimeAsync(3_000);
  expect(result).toEqual({ sent: 0, dropped: 3 });
  expect(errors.filter((error) => error.event).map((error) => error.code)).toEqual(Array(3).fill('shutdown'));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(vi.getTimerCount()).toBe(0);
});

test('shutdown leaves no request behind', async () => {
  const { fetch, signals } = silentFetch();
  const { client } = start([], { fetch });
  trackMany(client, 3);
  const closing = client.shutdown(3_000);
  await vi.advanceTimersByTimeAsync(3_000);
  await closing;
  expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(vi.getTimerCount()).toBe(0);
});

test('a call after shutdown is reported', async () => {
  const { client, errors, requests } = start();
  expect(await client.shutdown()).toEqual({ sent: 0, dropped: 0 });
  trackMany(client, 1);
  expect(errors).toMatchObject([{ code: 'closed', event: { payload: { n: 0 } } }]);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(requests).toEqual([]);
});

test('opting out ends what is on its way', async () => {
  const { fetch, signals } = silentFetch();
  const { client, errors } = start([], { fetch });
  trackMany(client, 1);
  client.flush();
  await vi.advanceTimersByTimeAsync(0);
  client.optOut();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(signals.map((signal) => signal?.aborted)).toEqual([true]);
  expect(errors.map((error) => error.code)).toEqual(['opted_out']);
});

test('opting out drops what is queued and takes nothing until opting in', async () => {
  const { client, errors, requests } = start();
  trackMany(client, 2);
  client.optOut();
  trackMany(client, 2, 2);
  expect(errors.map((error) => [error.code, error.event?.payload])).toEqual([
    ['opted_out', { n: 0 }],
    ['opted_out', { n: 1 }],
  ]);
  client.optIn();
  trackMany(client, 1, 4);
  await client.flush();
  expect(numbers(requests)).toEqual([[4]]);
});

test('no key is in a report, in the console or in an address', async () => {
  const said: unknown[] = [];
  for (const level of ['log', 'info', 'warn', 'error'] as const)
    vi.spyOn(console, level).mockImplementation((...words) => said.push(words));
  const { client, errors, requests } = start([500, new Error('no network'), 401], PLAIN);
  client.track(null as never);
  trackMany(client, 1);
  await client.flush();
  await vi.advanceTimersByTimeAsync(1_000);
  await client.shutdown();
  const silent = start([401], { onError: undefined });
  trackMany(silent.client, 1);
  await silent.client.flush();
  expect(errors.length).toBeGreaterThan(4);
  expect(said).toEqual([['SegOps:', { code: 'unauthorized', status: 401, detail: undefined }]]);
  expect(JSON.stringify([errors, said, requests.map(({ url }) => url), client.stats()])).not.toContain(KEY);
});
