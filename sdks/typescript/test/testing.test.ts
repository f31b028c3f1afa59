import { expect, test } from 'vitest';
import { SegOpsClient } from '../src/index.ts';
import { fakeFetch, recordingClient } from '../src/testing.ts';

test('a recording client shows what was tracked, at once', () => {
  const { client, events } = recordingClient<{ bought: { total: number } }>({
    beforeSend: (event) => (event.user_id === 'me' ? null : event),
  });
  client.track({ userId: 'me', eventType: 'bought', payload: { total: 1 } });
  client.track({ userId: 'you', eventType: 'bought', payload: { total: 2 } });
  expect(events).toMatchObject([{ type: 'track', user_id: 'you', event_type: 'bought', payload: { total: 2 } }]);
});

test('a fake fetch answers as it is told, and reads compressed bodies', async () => {
  const { fetch, requests } = fakeFetch([new Error('no network'), { status: 429, headers: { 'retry-after': '0' } }]);
  const client = new SegOpsClient({ apiUrl: 'http://segops.test', apiKey: 'pk_test', fetch, retryBaseMs: 1 });
  for (let n = 0; n < 30; n++) client.track({ userId: 'u', eventType: 'e' });
  expect(await client.shutdown()).toEqual({ sent: 30, dropped: 0 });
  expect(requests.length).toBe(3);
  expect(requests[2]?.body.batch.length).toBe(30);
  expect(requests[2]?.headers['content-encoding']).toBe('gzip');
});
