import { expect, test, vi } from 'vitest';
import { SegOpsClient } from '../src/index.ts';
import type { WireEvent } from '../src/types.ts';
import { KEY, start } from './support.ts';

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

test.each([true, false])('message ids are fresh UUIDs of version 7, with randomUUID: %s', async (hasRandomUuid) => {
  if (!hasRandomUuid) vi.stubGlobal('crypto', { getRandomValues: crypto.getRandomValues.bind(crypto) });
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
