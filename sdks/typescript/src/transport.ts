import type { Options } from './types.ts';
import { type Item, now } from './util.ts';

const GZIP_FROM_BYTES = 1_024;

/** What a server says, which may be anything. */
// biome-ignore lint/suspicious/noExplicitAny: every use of it is checked.
export type Answer = any;

/** Milliseconds that an answer asks to wait; NaN when it asks for none. */
export const retryAfter = (response: Response | undefined) => {
  const value = response?.headers.get('retry-after');
  return value ? (Number(value) >= 0 ? Number(value) * 1e3 : Date.parse(value) - Date.now()) : Number.NaN;
};

/** The refusal of the event at `index` of a batch: by `index` in an accepted batch, by `path` in a problem. */
export const refusalAt = (answer: Answer, index: number): Answer =>
  Array.isArray(answer?.errors) &&
  answer.errors.find((each: Answer) => Number(each?.index ?? /^batch\D(\d+)/.exec(each?.path)?.[1]) === index);

const compressed = (text: string) =>
  new Response(new Response(text).body?.pipeThrough(new CompressionStream('gzip'))).arrayBuffer();

export const createTransport = ({ apiUrl, apiKey, gzip = true, ...options }: Options) => ({
  /** With a signal the usual request; without one the last of a page, which needs no preflight and outlives the page. */
  post: async (items: Item[], signal?: AbortSignal) => {
    const head = signal ? '{' : `{"api_key":${JSON.stringify(apiKey)},`;
    let body: BodyInit = `${head}"batch":[${items.map((item) => item.text)}],"sent_at":"${now()}"}`;
    const headers: Record<string, string> = { 'content-type': 'text/plain' };
    if (signal) {
      headers['content-type'] = 'application/json';
      headers.authorization = `ApiKey ${apiKey}`;
      if (gzip && body.length > GZIP_FROM_BYTES)
        try {
          body = await compressed(body);
          headers['content-encoding'] = 'gzip';
        } catch {
          gzip = false;
        }
    }
    return (options.fetch ?? fetch)(`${apiUrl.replace(/\/+$/, '')}/api/ingestion/batch/`, {
      method: 'POST',
      headers,
      body,
      keepalive: !signal,
      signal: signal ?? null,
    });
  },
  /** From now on nothing is compressed; whether that makes a difference. */
  stopGzip: () => gzip && !(gzip = false),
});
