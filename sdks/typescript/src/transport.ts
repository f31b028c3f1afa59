import type { Options } from './types.ts';
import { type Item, iso } from './util.ts';

const GZIP_FROM_BYTES = 1_024;

/** The parsed body of a response; its shape is not guaranteed. */
// biome-ignore lint/suspicious/noExplicitAny: every use of it is checked.
export type Answer = any;

/** Returns the wait in milliseconds that a response asks for, or NaN. */
export const retryAfter = (response: Response | undefined) => {
  const value: Answer = response?.headers.get('retry-after') || '?';
  return value >= 0 ? value * 1e3 : Date.parse(value) - Date.now();
};

/** Returns why the event at `index` is refused, by `index` in an accepted batch, by `path` in a problem document. */
export const refusalAt = (answer: Answer, index: number) => {
  for (const error of [answer?.errors].flat()) {
    const [, at, field] = /^batch\D(\d+)\W*(.*)/.exec(error?.path) ?? [];
    if (+(error?.index ?? at) === index) return (field ? `${field}: ` : '') + error.detail;
  }
};

const compressed = (text: string) =>
  new Response(new Response(text).body?.pipeThrough(new CompressionStream('gzip'))).arrayBuffer();

export const createTransport = ({ apiUrl, apiKey, gzip = true, ...options }: Options) => ({
  /** Sends a batch. Without a signal, as the last request of a page: without a preflight, outliving the page. */
  post: async (items: Item[], signal?: AbortSignal) => {
    const head = signal ? '{' : `{"api_key":${JSON.stringify(apiKey)},`;
    let body: BodyInit = `${head}"batch":[${items.map((item) => item.text)}],"sent_at":"${iso(Date.now())}"}`;
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
      signal: signal as AbortSignal,
    });
  },
  /** Stops compressing bodies; returns true if they were compressed before. */
  stopGzip: () => gzip && !(gzip = false),
});
