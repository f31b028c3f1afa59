import type { Options } from './types.ts';
import { type Item, now } from './util.ts';

const GZIP_FROM_BYTES = 1_024;

/** The parsed body of a response; its shape is not guaranteed. */
// biome-ignore lint/suspicious/noExplicitAny: every use of it is checked.
export type Answer = any;

/** Returns the wait in milliseconds that a response asks for, or NaN. */
export const retryAfter = (response: Response | undefined) => {
  const value = response?.headers.get('retry-after');
  return value ? (Number(value) >= 0 ? Number(value) * 1e3 : Date.parse(value) - Date.now()) : Number.NaN;
};

/** Returns the refusal of the event at `index`: by `index` in an accepted batch, by `path` in a problem document. */
export const refusalAt = (answer: Answer, index: number): Answer =>
  Array.isArray(answer?.errors) &&
  answer.errors.find((each: Answer) => Number(each?.index ?? /^batch\D(\d+)/.exec(each?.path)?.[1]) === index);

const compressed = (text: string) =>
  new Response(new Response(text).body?.pipeThrough(new CompressionStream('gzip'))).arrayBuffer();

export const createTransport = ({ apiUrl, apiKey, gzip = true, ...options }: Options) => ({
  /** Sends a batch. Without a signal, as the last request of a page: without a preflight, outliving the page. */
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
  /** Stops compressing bodies; returns true if they were compressed before. */
  stopGzip: () => gzip && !(gzip = false),
});
