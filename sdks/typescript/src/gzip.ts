import type { Options } from './types.ts';

const MIN_BYTES = 1_024;

/** Clients whose platform or server cannot compress. */
const plain = new WeakSet<Options>();

const compressed = async (text: string) =>
  new Response(new Response(text).body?.pipeThrough(new CompressionStream('gzip'))).arrayBuffer();

/** Sends a request, compressed if its body is large enough and both sides can do it. */
export const sendCompressed = async (options: Options, url: string, init: RequestInit): Promise<Response> => {
  const send = options.fetch ?? fetch;
  const text = init.body as string;
  if (options.gzip !== false && text.length > MIN_BYTES && !plain.has(options)) {
    const body = await compressed(text).catch(() => undefined);
    const headers = { ...(init.headers as Record<string, string>), 'content-encoding': 'gzip' };
    const response = body && (await send(url, { ...init, headers, body }));
    if (response && response.status !== 415) return response;
    plain.add(options);
  }
  return send(url, init);
};
