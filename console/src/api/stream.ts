/** Server-sent events, read by fetch, because EventSource cannot send an access token. */
import { authorizedFetch } from './client';
import { ApiProblem } from './problem';

export interface StreamEvent {
  id: string;
  event: string;
  data: string;
}

/** Cut one block of a stream into its fields. Return null for a comment. */
export function parseBlock(block: string): StreamEvent | null {
  const fields = { id: '', event: 'message', data: [] as string[] };
  for (const line of block.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const value = line.slice(colon + 1).replace(/^ /, '');
    const name = line.slice(0, colon);
    if (name === 'data') fields.data.push(value);
    else if (name === 'id' || name === 'event') fields[name] = value;
  }
  return fields.data.length ? { id: fields.id, event: fields.event, data: fields.data.join('\n') } : null;
}

async function* blocksOf(response: Response): AsyncGenerator<string> {
  if (!response.body) return;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const blocks = (rest + value).replaceAll('\r\n', '\n').split('\n\n');
    rest = blocks.pop() ?? '';
    yield* blocks;
  }
}

async function readOnce(
  path: string,
  lastId: string,
  signal: AbortSignal,
  onEvent: (event: StreamEvent) => void,
  onOpen: () => void,
): Promise<boolean> {
  const headers = new Headers({ Accept: 'text/event-stream' });
  if (lastId) headers.set('Last-Event-ID', lastId);
  const response = await authorizedFetch(new Request(new URL(path, location.origin), { headers, signal }));
  onOpen();
  if (response.status === 204) return false;
  for await (const block of blocksOf(response)) {
    const event = parseBlock(block);
    if (event) onEvent(event);
  }
  return true;
}

/**
 * Follow a stream until the signal is aborted, the server ends it for good (204), or it is refused. It reconnects
 * with the id of the last event, so none is missed; `after` is the id to begin with. Raise ApiProblem if it is refused.
 */
export async function follow(
  path: string,
  signal: AbortSignal,
  onEvent: (event: StreamEvent) => void,
  onConnected: (connected: boolean) => void = () => undefined,
  after = '',
): Promise<void> {
  let lastId = after;
  let failures = 0;
  const take = (event: StreamEvent) => {
    if (event.id) lastId = event.id;
    onEvent(event);
  };
  const opened = () => {
    failures = 0;
    onConnected(true);
  };
  while (!signal.aborted) {
    try {
      if (!(await readOnce(path, lastId, signal, take, opened))) return;
    } catch (error) {
      if (signal.aborted) return;
      onConnected(false);
      failures += 1;
      if (error instanceof ApiProblem && !error.passing) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, Math.min(250 * 2 ** failures, 5_000)));
  }
}
