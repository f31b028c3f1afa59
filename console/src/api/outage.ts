import { useSyncExternalStore } from 'react';

/** A part of the product that can be away while the others work. */
export type Service = 'auth' | 'ingest' | 'segments' | 'membership' | 'all';

/** Problems of status 503 that the next attempt may not have. */
const BUSY = ['overloaded', 'evaluation-too-slow', 'deadline-exceeded', 'import-backlog'];
/** If nothing asked the service again, nobody knows whether it is still away. */
const FORGOTTEN_MS = 20_000;

const away = new Map<Service, number>();
const listeners = new Set<() => void>();
let snapshot: readonly Service[] = [];

/** Return the service behind a path of the API. */
export function serviceOf(path: string): Service {
  if (path.startsWith('/api/auth/')) return 'auth';
  if (path.startsWith('/api/ingestion/') || /^\/api\/explorer\/(rejections|dead-letters|sandbox)\//.test(path))
    return 'ingest';
  if (/^\/api\/(explorer|analytics|status)\//.test(path)) return 'membership';
  if (/^\/api\/segments\/(membership|preview|exports|\d+\/(estimate|history|export))\//.test(path)) return 'membership';
  return 'segments';
}

function publish(): void {
  snapshot = [...away.keys()];
  for (const listener of listeners) listener();
}

/** Return whether a response says that a service or its store is away, not that it has too much to do. */
export async function isOutage(response: Response): Promise<boolean> {
  if (response.status !== 503) return response.status === 502 || response.status === 504;
  const problem = (await response
    .clone()
    .json()
    .catch(() => ({}))) as { type?: string };
  return !BUSY.some((type) => problem.type?.endsWith(type));
}

function forgetLater(service: Service): void {
  const reported = Date.now();
  away.set(service, reported);
  setTimeout(() => {
    if (away.get(service) !== reported) return;
    away.delete(service);
    publish();
  }, FORGOTTEN_MS);
}

/** Note that a service gave no answer, or refused because it or its store is away. */
export function reportAway(service: Service): void {
  const known = away.has(service);
  forgetLater(service);
  if (!known) publish();
}

/** Note that a service answered. */
export function reportBack(service: Service): void {
  const changed = away.delete(service) || away.delete('all');
  away.delete('all');
  if (changed) publish();
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

/** The services that are away now. */
export function useOutages(): readonly Service[] {
  return useSyncExternalStore(subscribe, () => snapshot);
}
