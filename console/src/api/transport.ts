import { uuid } from './browser';
import { isOutage, reportAway, reportBack, serviceOf } from './outage';
import { noAnswer, toProblem } from './problem';

const ATTEMPTS = 3;
const LONGEST_WAIT_S = 5;
const AWAY = new Set([502, 503, 504]);
const MUTATING = new Set(['POST', 'PUT', 'PATCH', 'DELETE']);
/** POSTs that change nothing: their question is too long or too secret for an address. */
const ONLY_READS =
  /^\/api\/(auth\/invites\/lookup|segments\/(preview|validate|describe|membership\/(explain|overlap|plan|sql)))\/$/;

function pause(seconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, seconds * 1000);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason);
    });
  });
}

async function attempt(request: Request): Promise<Response | null> {
  const path = new URL(request.url).pathname;
  try {
    const response = await fetch(request.clone());
    if (await isOutage(response)) reportAway(serviceOf(path));
    else reportBack(serviceOf(path));
    return response;
  } catch (error) {
    if (request.signal.aborted) throw error;
    reportAway(navigator.onLine ? serviceOf(path) : 'all');
    return null;
  }
}

/** Return whether a request changes something, so that it needs a key to be repeated safely. */
export function changesSomething(method: string, path: string): boolean {
  return MUTATING.has(method) && !(method === 'POST' && ONLY_READS.test(path));
}

/**
 * Send a request. What changes something gets an idempotency key, so it can be repeated when the answer is lost
 * or the service is away. What is read with GET is repeated by the cache of queries instead.
 */
export async function send(original: Request): Promise<Response> {
  const mutating = MUTATING.has(original.method);
  const headers = new Headers(original.headers);
  const needsKey = changesSomething(original.method, new URL(original.url).pathname);
  if (needsKey && !headers.has('Idempotency-Key')) headers.set('Idempotency-Key', uuid());
  const request = new Request(original, { headers });
  for (let attempts = 1; ; attempts += 1) {
    const response = await attempt(request);
    const again = mutating && attempts < ATTEMPTS && (response === null || AWAY.has(response.status));
    if (!again) {
      if (response === null) throw noAnswer();
      return response;
    }
    const wait = Number(response?.headers.get('Retry-After')) || attempts;
    await pause(Math.min(wait, LONGEST_WAIT_S), request.signal);
  }
}

/** Send a request and return its JSON. Raise ApiProblem if it was refused. */
export async function sendJson<T>(path: string, body: unknown): Promise<T> {
  const response = await send(
    new Request(new URL(path, location.origin), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(body),
      credentials: 'same-origin',
    }),
  );
  if (!response.ok) throw await toProblem(response);
  return (response.status === 204 ? null : await response.json()) as T;
}
