import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Options } from '../src/types.ts';
import { KEY, MemoryStorage, openTab, settled, silentFetch, start } from './support.ts';

type Sent = { url: string; authorization: string | undefined; body: Record<string, unknown> };

beforeEach(() => {
  vi.stubGlobal('localStorage', undefined);
});
afterEach(() => {
  Reflect.deleteProperty(globalThis, 'localStorage');
});

/** A server with sessions: `answers` come first, each for one request. */
const sessionServer = (answers: Record<string, (() => Response)[]> = {}) => {
  const sent: Sent[] = [];
  let number = 0;
  const fetch = (async (url: string, init: RequestInit) => {
    const headers = init.headers as Record<string, string>;
    sent.push({ url, authorization: headers.authorization, body: JSON.parse(init.body as string) });
    const kind = url.endsWith('/session/') ? 'session' : 'batch';
    const answer = answers[kind]?.shift();
    if (answer) return answer();
    if (kind === 'batch') return new Response('{}', { status: 202 });
    const expires_at = new Date(Date.now() + 900_000).toISOString().replace(/\.\d+/, '');
    return Response.json({ token: `token-${++number}`, expires_at, uid: 'any' });
  }) as typeof globalThis.fetch;
  return { fetch, sent, of: (kind: string) => sent.filter(({ url }) => url.endsWith(`/${kind}/`)) };
};

const visit = (server: ReturnType<typeof sessionServer>, options: Partial<Options> = {}) => {
  const storage = new MemoryStorage();
  const tab = openTab(storage);
  return {
    tab,
    storage,
    ...start([], { fetch: server.fetch, flushIntervalMs: 600_000, getUser: () => undefined, ...options }),
  };
};

test('events are sent with the token of one session', async () => {
  const server = sessionServer();
  const user = { userId: 'ada', userIdSig: 'ff', userIdTs: 5 };
  const getUser = vi.fn(async () => user);
  const { client } = visit(server, { getUser });
  client.track({ eventType: 'seen' });
  await client.flush();
  client.track({ eventType: 'seen' });
  await client.flush();
  const [session, ...batches] = server.sent;
  expect(session).toMatchObject({ url: 'https://segops.test/api/auth/session/', authorization: `ApiKey ${KEY}` });
  expect(session?.body).toEqual({ user_id: 'ada', user_id_sig: 'ff', user_id_ts: 5 });
  expect(batches.map(({ authorization }) => authorization)).toEqual(['Bearer token-1', 'Bearer token-1']);
  expect(getUser).toHaveBeenCalledTimes(1);
});

test('a visitor is known by the id of the client', async () => {
  const server = sessionServer();
  const { client } = visit(server);
  client.track({ eventType: 'seen' });
  await client.flush();
  const [session, batch] = server.sent;
  expect(batch?.body.batch).toMatchObject([session?.body]);
  expect(Object.keys(session?.body ?? {})).toEqual(['anonymous_id']);
});

test('each user has a session of their own, and their events before a change keep it', async () => {
  const server = sessionServer();
  let userId: string | undefined;
  const { client } = visit(server, { getUser: () => ({ userId }) });
  client.track({ eventType: 'before' });
  await client.flush();
  client.track({ eventType: 'queued' });
  userId = 'ada';
  client.identify({ userId, traits: {} });
  client.track({ eventType: 'signed in' });
  userId = undefined;
  client.reset();
  client.track({ eventType: 'after' });
  await client.flush();
  const tokens = server.of('batch').map(({ authorization, body }) => [authorization, (body.batch as object[]).length]);
  expect(tokens).toEqual([
    ['Bearer token-1', 1],
    ['Bearer token-1', 1],
    ['Bearer token-2', 2],
    ['Bearer token-3', 1],
  ]);
});

test('a session is renewed a minute before its end', async () => {
  vi.useFakeTimers({ toFake: ['Date'] });
  const server = sessionServer();
  const { client } = visit(server);
  for (const ms of [0, 839_000, 2_000]) {
    vi.setSystemTime(Date.now() + ms);
    client.track({ eventType: 'seen' });
    await client.flush();
  }
  vi.useRealTimers();
  expect(server.of('batch').map(({ authorization }) => authorization)).toEqual([
    'Bearer token-1',
    'Bearer token-1',
    'Bearer token-2',
  ]);
});

test('a 401 begins one more session, and a second one stops sending', async () => {
  const refused = () => new Response('{"detail":"ended"}', { status: 401 });
  const server = sessionServer({ batch: [refused] });
  const { client, errors } = visit(server);
  client.track({ eventType: 'seen' });
  await client.flush();
  expect(server.of('batch').map(({ authorization }) => authorization)).toEqual(['Bearer token-1', 'Bearer token-2']);
  expect([client.stats().sent, errors]).toEqual([1, []]);

  const broken = visit(sessionServer({ batch: [refused, refused] }));
  broken.client.track({ eventType: 'seen' });
  await broken.client.flush();
  expect(broken.client.stats()).toMatchObject({ queued: 1, dropped: 0 });
  expect(broken.errors).toMatchObject([{ code: 'unauthorized', status: 401 }]);
});

test('no event is lost while sessions fail', async () => {
  const server = sessionServer({
    session: [
      () => new Response('', { status: 503 }),
      () => new Response('', { status: 429, headers: { 'retry-after': '0' } }),
      () => {
        throw new TypeError('no network');
      },
    ],
  });
  let failing = 1;
  const getUser = async () => {
    if (failing-- > 0) throw new Error('my server is down');
    return { userId: 'ada' };
  };
  const { client, errors } = visit(server, { getUser, retryBaseMs: 1 });
  client.track({ eventType: 'seen' });
  await client.shutdown();
  expect(client.stats()).toMatchObject({ sent: 1, dropped: 0 });
  expect(errors.map(({ code, status }) => [code, status])).toEqual([
    ['retry', undefined],
    ['retry', 503],
    ['retry', 429],
    ['retry', undefined],
  ]);
});

test('a session that is refused is reported, and its events are kept', async () => {
  for (const status of [400, 401, 403, 422]) {
    const server = sessionServer({ session: [() => new Response('{"detail":"sign it"}', { status })] });
    const { client, errors } = visit(server);
    client.track({ eventType: 'seen' });
    await client.flush();
    expect(errors).toMatchObject([{ code: 'unauthorized', status: 403, detail: 'sign it' }]);
    expect(client.stats()).toMatchObject({ queued: 1, dropped: 0 });
  }
});

test('a page that is left sends its token in the body', async () => {
  const server = sessionServer();
  const { client, tab } = visit(server);
  client.track({ eventType: 'seen' });
  await client.flush();
  client.track({ eventType: 'left' });
  tab.hide();
  await settled();
  const last = server.sent.at(-1);
  expect([last?.authorization, last?.body.session_token, 'api_key' in (last?.body ?? {})]).toEqual([
    undefined,
    'token-1',
    false,
  ]);
});

test('trackPageView is page', async () => {
  const server = sessionServer();
  const { client } = visit(server);
  client.trackPageView({ name: 'Pricing' });
  await client.flush();
  expect(server.of('batch')[0]?.body.batch).toMatchObject([{ type: 'page', name: 'Pricing' }]);
});

test('an address or a key that cannot work is refused at once', () => {
  const { fetch } = silentFetch();
  for (const options of [
    {},
    { apiUrl: '' },
    { apiUrl: 'segops.test' },
    { apiUrl: 'ftp://segops.test' },
    { apiUrl: 'https://' },
    { apiUrl: 'https:///x' },
    { apiUrl: 'https://segops.test/api' },
    { apiUrl: 'https://segops.test/api/' },
    { apiUrl: 'https://segops.test/?a=1' },
    { apiKey: '' },
    { apiKey: undefined as unknown as string },
    { apiKey: 'live_1' },
    { apiKey: `${KEY} ` },
    { apiKey: `${KEY}\n` },
  ] as Partial<Options>[]) {
    const make = () => start([], { fetch, ...options });
    const [wrong] = Object.keys(options);
    if (wrong) expect(make, JSON.stringify(options)).toThrow(`${wrong} must be`);
    else expect(make).not.toThrow();
  }
  expect(() => start([], { fetch, apiUrl: 'https://shop.test/segops/' })).not.toThrow();
});
