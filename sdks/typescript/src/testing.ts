import { SegOpsClient } from './index.ts';
import type { Events, Options, WireEvent } from './types.ts';

/** A request of the client, with its body parsed. */
export interface Received {
  url: string;
  headers: Record<string, string>;
  body: { batch: WireEvent[]; sent_at: string; api_key?: string };
}

/** A reply of the fake server: a status, with an optional body and headers. */
export type Reply = number | { status: number; body?: unknown; headers?: Record<string, string> };

const ungzipped = (body: BodyInit) =>
  typeof body === 'string'
    ? body
    : new Response(new Response(body).body?.pipeThrough(new DecompressionStream('gzip'))).text();

/**
 * A `fetch` that records `requests` and accepts everything. It returns `replies` first, one per request. An Error among them
 * is thrown, as if there were no network.
 */
export const fakeFetch = (replies: (Reply | Error)[] = []) => {
  const requests: Received[] = [];
  const answers = [...replies];
  const fetch = async (url: unknown, init?: RequestInit): Promise<Response> => {
    const body: Received['body'] = JSON.parse(await ungzipped(init?.body ?? ''));
    requests.push({ url: `${url}`, headers: { ...(init?.headers as Record<string, string>) }, body });
    const reply = answers.shift() ?? 202;
    if (reply instanceof Error) throw reply;
    const message_ids = body.batch.map((event) => event.message_id);
    const accepted = { status: 'accepted', accepted: message_ids.length, duplicates: 0, message_ids, errors: [] };
    const {
      status,
      body: said = status === 202 ? accepted : {},
      headers = {},
    } = typeof reply === 'number' ? { status: reply } : reply;
    return new Response(JSON.stringify(said), { status, headers });
  };
  return { fetch: fetch as typeof globalThis.fetch, requests };
};

/** A client that sends nothing: `events` holds the queued events, in order, as they would be sent. */
export const recordingClient = <E extends Events = Record<string, object>>(options: Partial<Options> = {}) => {
  const events: WireEvent[] = [];
  const { fetch } = fakeFetch();
  const beforeSend = (event: WireEvent) => {
    const kept = options.beforeSend ? options.beforeSend(event) : event;
    if (kept) events.push(JSON.parse(JSON.stringify(kept)));
    return kept;
  };
  const client = new SegOpsClient<E>({
    apiUrl: 'http://segops.test',
    apiKey: 'pk_test',
    fetch,
    ...options,
    beforeSend,
  });
  return { client, events };
};
