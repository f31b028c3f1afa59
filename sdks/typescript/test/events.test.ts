import { expect, test, vi } from 'vitest';
import { SegOpsClient } from '../src/index.ts';
import type { WireEvent } from '../src/types.ts';
import { KEY, numbers, start, trackMany } from './support.ts';

const UUID7 = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** What a server gets of the calls that `act` makes. */
const sentBy = async (act: (client: SegOpsClient) => void, options = {}) => {
  const { client, requests } = start([], options);
  act(client);
  await client.flush();
  return requests.flatMap(({ body }) => body.batch);
};

test('a batch is what the API documents', async () => {
  const { client, requests } = start();
  client.track({ userId: 'user-123', eventType: 'page_viewed', payload: { path: '/pricing' } });
  await client.flush();
  expect(requests).toMatchObject([
    {
      url: 'https://segops.test/api/ingestion/batch/',
      headers: { authorization: `ApiKey ${KEY}`, 'content-type': 'application/json' },
      body: {
        batch: [{ type: 'track', user_id: 'user-123', event_type: 'page_viewed', payload: { path: '/pricing' } }],
      },
    },
  ]);
  expect(Math.abs(Date.parse(requests[0]?.body.sent_at ?? '') - Date.now())).toBeLessThan(60_000);
  expect(Object.keys(requests[0]?.body ?? {})).toEqual(['batch', 'sent_at']);
});

test('every kind of call has its fields, and no other', async () => {
  const at = new Date(Date.UTC(2026, 0, 31));
  const common = { userId: 'u', anonymousId: 'a', timestamp: at, messageId: 'm' };
  const wire = { user_id: 'u', anonymous_id: 'a', timestamp: at.toISOString(), message_id: 'm' };
  const events = await sentBy((client) => {
    client.track({ ...common, eventType: 'bought', payload: { total: 1 }, context: { ip: '::1' } });
    client.identify({ ...common, traits: { plan: null } });
    client.page({ ...common, name: 'Pricing', payload: { path: '/' } });
    client.group({ ...common, groupId: 'g', traits: { size: 2 } });
    client.alias({ ...common, previousId: 'p' });
  });
  expect(events).toEqual([
    { type: 'track', ...wire, event_type: 'bought', payload: { total: 1 }, context: { ip: '::1' } },
    { type: 'identify', ...wire, traits: { plan: null } },
    { type: 'page', ...wire, name: 'Pricing', payload: { path: '/' } },
    { type: 'group', ...wire, group_id: 'g', traits: { size: 2 } },
    { type: 'alias', ...wire, previous_id: 'p' },
  ]);
});

test('message ids are fresh UUIDs of version 7, also in pages on plain HTTP', async () => {
  vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
  const before = Date.now();
  const events = await sentBy((client) => {
    for (let n = 0; n < 10; n++) client.track({ userId: 'u', eventType: 'e' });
  });
  const ids = events.map((event) => event.message_id);
  expect(new Set(ids).size).toBe(10);
  for (const id of ids) {
    expect(id).toMatch(UUID7);
    const time = Number.parseInt(id.replace('-', '').slice(0, 12), 16);
    expect(time).toBeGreaterThanOrEqual(before);
    expect(time).toBeLessThanOrEqual(Date.now());
  }
});

/** Whether each value is greater than the one before. */
const rise = (values: string[]) => values.every((value, index) => !index || value > (values[index - 1] as string));

test('message ids rise, also when the clock is set back or the counter of a millisecond is used up', async () => {
  vi.useFakeTimers({ now: Date.now() });
  const events = await sentBy((client) => {
    for (let n = 0; n < 5_000; n++) client.track({ userId: 'u', eventType: 'e' });
    vi.setSystemTime(Date.now() - 36e5);
    client.track({ userId: 'u', eventType: 'e' });
  });
  vi.useRealTimers();
  const ids = events.map((event) => event.message_id);
  expect(ids.length).toBe(5_001);
  expect(rise(ids)).toBe(true);
  for (const id of ids) expect(id).toMatch(UUID7);
});

test('a burst is ahead of the clock by a millisecond for each batch, and keeps its order', async () => {
  const now = Date.now();
  vi.useFakeTimers({ now });
  const { client, requests } = start([], { gzip: false });
  trackMany(client, 5_000);
  await client.flush();
  vi.useRealTimers();
  expect(requests.length).toBe(50);
  for (const [index, { body }] of requests.entries())
    expect(new Set(body.batch.map((event) => Date.parse(`${event.timestamp}`) - now))).toEqual(new Set([index]));
  expect(numbers(requests).flat()).toEqual([...Array(5_000).keys()]);
});

test('times follow the calls and a clock that is set back, and those of the caller stay', async () => {
  const now = Date.now();
  vi.useFakeTimers({ now });
  const { client, requests } = start([], { gzip: false });
  const track = (passedMs: number, timestamp?: Date | string) => {
    vi.setSystemTime(now + passedMs);
    client.track({ userId: 'u', eventType: 'e', timestamp, payload: { at: new Date(now + 5) } });
  };
  for (const passedMs of [0, 5, 4]) track(passedMs);
  await client.flush();
  for (const passedMs of [5, 9, -36e6]) track(passedMs);
  track(5, new Date(now + 5));
  track(5, '2026-01-31T09:00:00Z');
  await client.flush();
  vi.useRealTimers();
  const events = requests.flatMap(({ body }) => body.batch);
  expect(events.slice(0, -1).map((event) => Date.parse(`${event.timestamp}`) - now)).toEqual([0, 5, 5, 6, 9, -36e6, 5]);
  expect(events.at(-1)?.timestamp).toBe('2026-01-31T09:00:00Z');
  expect(new Set(events.map((event) => (event.payload as { at: string }).at))).toEqual(
    new Set([new Date(now + 5).toISOString()]),
  );
});

test.each([400, 413])('halves of a batch that is refused with %i keep their order', async (status) => {
  vi.useFakeTimers({ now: Date.now() });
  const { client, requests } = start([status, status], { gzip: false });
  trackMany(client, 100);
  await client.flush();
  vi.useRealTimers();
  const stored = requests.slice(2);
  const order = stored.flatMap(({ body }) =>
    body.batch.map((event, index) => `${event.timestamp} ${String(index).padStart(3, '0')} ${event.message_id}`),
  );
  expect(numbers(stored).flat()).toEqual([...Array(100).keys()]);
  expect(rise(order)).toBe(true);
});

test.each([500, new Error('reset')])('after %s, the events keep their times, also when halved', async (reply) => {
  vi.useFakeTimers({ now: Date.now() });
  const { client, requests } = start([reply, 413], { gzip: false });
  trackMany(client, 4);
  client.flush();
  await vi.advanceTimersByTimeAsync(1_000);
  trackMany(client, 1, 4);
  await client.flush();
  vi.useRealTimers();
  const [first, again, ...halves] = requests.map(({ body }) => body.batch);
  expect(again).toEqual(first);
  expect(halves.flat().slice(0, 4)).toEqual(first);
  expect(halves.flat()[4]?.timestamp).not.toBe(first?.[0]?.timestamp);
});

test('a retry later than other events does not change times', async () => {
  vi.useFakeTimers({ now: Date.now() });
  const { client, requests } = start([503], { gzip: false });
  trackMany(client, 150);
  client.flush();
  await vi.advanceTimersByTimeAsync(1_000);
  await client.flush();
  vi.useRealTimers();
  const times = requests.map(({ body }) => [...new Set(body.batch.map((event) => `${event.timestamp}`))]);
  expect(times[0]).toEqual(times[1]);
  expect(rise(times.slice(1).flat())).toBe(true);
});

test('what has no JSON form is named by its key, and the payload is not shown', () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue();
  const circular: { self?: object } = {};
  circular.self = circular;
  const { client, errors } = start();
  const silent = start([], { onError: undefined }).client;
  for (const each of [client, silent]) {
    each.track({ userId: 'secret', eventType: 'e', payload: { a: 1, amount: 5n, b: 2 } });
    each.track({ userId: 'secret', eventType: 'e', payload: circular as never });
    each.track({ userId: 'secret', eventType: 'x'.repeat(40_000) });
  }
  expect(errors.map((error) => error.detail?.split('\n')[0])).toEqual([
    'amount: TypeError: Do not know how to serialize a BigInt',
    'self: TypeError: Converting circular structure to JSON',
    undefined,
  ]);
  expect(warn.mock.calls).toMatchObject([
    ['SegOps:', { code: 'invalid_event', detail: 'amount: TypeError: Do not know how to serialize a BigInt' }],
    ['SegOps:', { code: 'event_too_large' }],
  ]);
  expect(JSON.stringify(warn.mock.calls)).not.toContain('secret');
});

test('without onError, each code is written to the console once a minute, and a retry is not', async () => {
  const warn = vi.spyOn(console, 'warn').mockReturnValue();
  vi.useFakeTimers({ now: 0 });
  const { client } = start([500], { onError: undefined, maxQueueEvents: 1, gzip: false });
  for (let second = 0; second < 120; second++) {
    vi.setSystemTime(1e3 * second);
    client.track({ userId: 'u', eventType: 'e' });
    client.track({ userId: 'u', eventType: 'e' });
  }
  await client.flush();
  vi.useRealTimers();
  expect(warn.mock.calls.map(([, error]) => error.code)).toEqual(['queue_full', 'queue_full']);
});

test('what the caller changes later does not matter', async () => {
  const payload = { n: 1 };
  const [event] = await sentBy((client) => {
    client.track({ userId: 'u', eventType: 'e', payload });
    payload.n = 2;
  });
  expect(event?.payload).toEqual({ n: 1 });
});

test('context is merged, the call over what was set', async () => {
  const events = await sentBy((client) => {
    client.setContext({ app: 'shop', release: 1 });
    client.setContext({ release: 2 });
    client.track({ userId: 'u', eventType: 'e', context: { app: 'till' } });
    client.reset();
    client.track({ userId: 'u', eventType: 'e' });
  });
  expect(events.map((event) => event.context)).toEqual([{ app: 'till', release: 2 }, undefined]);
});

test('a server remembers no user', async () => {
  const events = await sentBy((client) => {
    client.identify({ userId: 'u' });
    client.track({ userId: 'other', eventType: 'e' });
    client.track({ anonymousId: 'visitor', eventType: 'e' });
  });
  expect(events.map((event) => [event.user_id, event.anonymous_id])).toEqual([
    ['u', undefined],
    ['other', undefined],
    [undefined, 'visitor'],
  ]);
});

test('beforeSend changes events and leaves them out', async () => {
  const beforeSend = (event: WireEvent) => (event.user_id === 'me' ? null : { ...event, name: 'changed' });
  const events = await sentBy(
    (client) => {
      client.track({ userId: 'me', eventType: 'e' });
      client.track({ userId: 'you', eventType: 'e' });
    },
    { beforeSend },
  );
  expect(events).toMatchObject([{ user_id: 'you', name: 'changed' }]);
});

test('no call throws, and what cannot be sent is reported', () => {
  const circular: { self?: object } = {};
  circular.self = circular;
  const { client, errors } = start([], {
    beforeSend: (event) => {
      if (event.name === 'bad') throw new Error('no');
      return event;
    },
  });
  client.track({ userId: 'u', eventType: 'e', payload: circular as never });
  client.track({ userId: 'u', eventType: 'e', payload: { big: 1n } });
  client.page({ userId: 'u', name: 'bad' });
  client.track(null as never);
  client.identify({
    get userId(): string {
      throw new Error('no');
    },
  });
  expect(errors.map((error) => error.code)).toEqual(Array(5).fill('invalid_event'));
  expect(client.stats()).toEqual({ queued: 0, queuedBytes: 0, sent: 0, dropped: 5 });
  client.track(undefined as never);
  expect(client.stats().queued).toBe(1);
});

test('what onError throws is ignored', async () => {
  const { client } = start([500], {
    retryBaseMs: 1,
    onError: () => {
      throw new Error('no');
    },
  });
  client.track(null as never);
  client.track({ userId: 'u', eventType: 'e' });
  expect(await client.shutdown()).toEqual({ sent: 1, dropped: 1 });
});

test('methods can be called detached, and a client is an instance of its class', () => {
  const { client } = start();
  const { track, stats } = client;
  track({ userId: 'u', eventType: 'e' });
  expect(stats().queued).toBe(1);
  expect(client).toBeInstanceOf(SegOpsClient);
});

test('events are typed by name', () => {
  const client = new SegOpsClient<{ purchase: { total: number }; opened: { from?: string } }>({
    apiUrl: 'https://segops.test',
    apiKey: KEY,
    storage: null,
    fetch: start().client.flush as never,
  });
  client.track({ userId: 'u', eventType: 'purchase', payload: { total: 1 } });
  client.track({ userId: 'u', eventType: 'opened' });
  // @ts-expect-error there is no such event
  client.track({ userId: 'u', eventType: 'purchased', payload: { total: 1 } });
  // @ts-expect-error a purchase has a total
  client.track({ userId: 'u', eventType: 'purchase' });
  // @ts-expect-error a total is a number
  client.track({ userId: 'u', eventType: 'purchase', payload: { total: '1' } });
  expect(client.stats().queued).toBe(5);
});
