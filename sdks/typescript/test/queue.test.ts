import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { numbers, silentFetch, start, trackMany } from './support.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const sizeOf = (event: unknown) => new TextEncoder().encode(JSON.stringify(event)).length;

test('twenty events are sent at once', async () => {
  const { client, requests } = start([], { gzip: false });
  trackMany(client, 19);
  await vi.advanceTimersByTimeAsync(4_999);
  expect(requests).toEqual([]);
  trackMany(client, 1, 19);
  await vi.waitUntil(() => requests.length > 0);
  expect(requests.map(({ body }) => body.batch.length)).toEqual([20]);
});

test('an event waits for five seconds at most', async () => {
  const { client, requests } = start();
  trackMany(client, 1);
  await vi.advanceTimersByTimeAsync(4_999);
  expect(requests).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(requests.length).toBe(1);
  trackMany(client, 1);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(requests.length).toBe(2);
  expect(vi.getTimerCount()).toBe(0);
});

test('a batch has a hundred events at most', async () => {
  const { client, requests } = start([], { gzip: false });
  trackMany(client, 250);
  await client.flush();
  expect(requests.map(({ body }) => body.batch.length)).toEqual([100, 100, 50]);
});

test('a batch has 450 KB at most, in bytes of UTF-8', async () => {
  const { client, requests } = start([], { gzip: false });
  for (let n = 0; n < 40; n++) client.track({ userId: 'u', eventType: 'e', payload: { text: 'ä'.repeat(15_000) } });
  await client.flush();
  expect(requests.length).toBe(3);
  for (const { body } of requests) expect(sizeOf(body)).toBeLessThanOrEqual(450 * 1024);
  expect(sizeOf(requests[0]?.body)).toBeGreaterThan(400_000);
});

test('an event of 32 KB is sent, one byte more is not', async () => {
  const { client, requests, errors } = start([], { gzip: false });
  const event = { userId: 'u', eventType: 'e', messageId: 'm', timestamp: '2026-01-31T09:00:00Z', payload: { t: '€' } };
  client.track(event);
  await client.flush();
  const room = 32_768 - sizeOf(requests[0]?.body.batch[0]);
  client.track({ ...event, payload: { t: `€${'x'.repeat(room)}` } });
  client.track({ ...event, payload: { t: `€${'x'.repeat(room + 1)}` } });
  await client.flush();
  expect(sizeOf(requests[1]?.body.batch[0])).toBe(32_768);
  expect(errors.map((error) => error.code)).toEqual(['event_too_large']);
  expect(client.stats()).toMatchObject({ sent: 2, dropped: 1 });
});

test.each([
  ['oldest', [2, 3, 4], [0, 1]],
  ['newest', [0, 1, 2], [3, 4]],
] as const)('a full queue drops the %s, and says which', async (dropPolicy, kept, gone) => {
  const { client, requests, errors } = start([], { maxQueueEvents: 3, dropPolicy });
  trackMany(client, 5);
  expect(errors.map((error) => [error.code, error.event?.payload])).toEqual(gone.map((n) => ['queue_full', { n }]));
  expect(client.stats()).toMatchObject({ queued: 3, dropped: 2 });
  await client.flush();
  expect(numbers(requests)).toEqual([kept]);
});

test('the queue is also limited by bytes, exactly', async () => {
  const { client, errors } = start();
  trackMany(client, 1);
  const { queuedBytes } = client.stats();
  const small = start([], { maxQueueBytes: 2 * queuedBytes });
  trackMany(small.client, 2);
  expect(small.client.stats()).toMatchObject({ queued: 2, queuedBytes: 2 * queuedBytes });
  trackMany(small.client, 1, 2);
  expect(small.errors.map((error) => error.event?.payload)).toEqual([{ n: 0 }]);
  expect(errors).toEqual([]);
  await small.client.flush();
  expect(small.client.stats()).toMatchObject({ queued: 0, queuedBytes: 0 });
});

test('what is on its way is not dropped from a full queue', async () => {
  const { fetch } = silentFetch();
  const { client, errors } = start([], { fetch, maxQueueEvents: 3 });
  trackMany(client, 2);
  client.flush();
  await vi.advanceTimersByTimeAsync(0);
  trackMany(client, 3, 2);
  expect(errors.map((error) => error.event?.payload)).toEqual([{ n: 2 }, { n: 3 }]);
  expect(client.stats().queued).toBe(3);
});

test('concurrent flushes are one', async () => {
  const { client, requests } = start();
  trackMany(client, 3);
  const flushes = [client.flush(), client.flush()];
  expect(flushes[0]).toBe(flushes[1]);
  await Promise.all(flushes);
  expect(requests.length).toBe(1);
  expect(vi.getTimerCount()).toBe(0);
});

test('an event that comes while the last one is acknowledged is sent', async () => {
  const { client, requests } = start([], { flushAt: 1 });
  trackMany(client, 1);
  const flushed = client.flush();
  trackMany(client, 1, 1);
  await flushed;
  trackMany(client, 1, 2);
  await vi.advanceTimersByTimeAsync(0);
  expect(numbers(requests).flat()).toEqual([0, 1, 2]);
});

test('an edge runtime is held until the events are sent', async () => {
  const held: Promise<unknown>[] = [];
  const { client, requests } = start([503], { waitUntil: (promise) => held.push(promise), gzip: false });
  trackMany(client, 3);
  expect(held.length).toBe(1);
  await vi.advanceTimersByTimeAsync(1_000);
  await held[0];
  expect(requests.length).toBe(2);
  expect(client.stats()).toMatchObject({ queued: 0, sent: 3 });
  trackMany(client, 1);
  expect(held.length).toBe(2);
});
