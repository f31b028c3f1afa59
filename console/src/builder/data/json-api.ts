/** Calls of the API whose JSON is kept without loss: definitions may have integers that a JavaScript number cannot hold. */

import { authorizedFetch } from '@/api/client';
import { type JsonObject, readJson, writeJson } from '../model/json';

interface Options {
  readonly method?: 'POST' | 'PATCH';
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Send a body and return the answer. Raise ApiProblem. */
export async function sendJson<T>(path: string, body: JsonObject, options: Options = {}): Promise<T> {
  const request = new Request(new URL(path, location.origin), {
    method: options.method ?? 'POST',
    headers: { 'Content-Type': 'application/json', ...options.headers },
    body: writeJson(body),
    signal: options.signal ?? null,
  });
  return answer<T>(await authorizedFetch(request));
}

/** Read a resource. Raise ApiProblem. */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return answer<T>(await authorizedFetch(new Request(new URL(path, location.origin), { signal: signal ?? null })));
}

async function answer<T>(response: Response): Promise<T> {
  return readJson(await response.text()).value as T;
}
