import { vi } from 'vitest';
import { SegOpsClient } from '../src/index.ts';
import { fakeFetch } from '../src/testing.ts';
import type { KeyValueStorage, Options, SegOpsError } from '../src/types.ts';

export const KEY = 'pk_live_secretsecretsecret';

/** A client before a fake server that gives `replies`, then 202; `errors` is what `onError` was told. */
export const start = (replies: Parameters<typeof fakeFetch>[0] = [], options: Partial<Options> = {}) => {
  const server = fakeFetch(replies);
  const errors: SegOpsError[] = [];
  const client = new SegOpsClient({
    apiUrl: 'https://segops.test/',
    apiKey: KEY,
    fetch: server.fetch,
    onError: (error) => errors.push(error),
    ...options,
  });
  return { client, errors, requests: server.requests };
};

export const trackMany = (client: Pick<SegOpsClient, 'track'>, count: number, from = 0) => {
  for (let n = from; n < from + count; n++) client.track({ userId: 'user-1', eventType: 'tested', payload: { n } });
};

/** The numbers of the events of each request. */
export const numbers = (requests: ReturnType<typeof fakeFetch>['requests']) =>
  requests.map(({ body }) => body.batch.map((event) => (event.payload as { n: number }).n));

/** A `fetch` that never answers, and rejects when it is aborted. */
export const silentFetch = () => {
  const signals: (AbortSignal | null | undefined)[] = [];
  const fetch = ((_: unknown, init?: RequestInit) =>
    new Promise((_, reject) => {
      signals.push(init?.signal);
      init?.signal?.addEventListener('abort', () => reject(new Error('aborted')));
    })) as typeof globalThis.fetch;
  return { fetch, signals };
};

export class MemoryStorage implements KeyValueStorage {
  readonly entries = new Map<string, string>();
  /** Characters of a value from which on it is full. */
  full = Number.POSITIVE_INFINITY;

  get length() {
    return this.entries.size;
  }
  key(index: number) {
    return [...this.entries.keys()][index] ?? null;
  }
  getItem(key: string) {
    return this.entries.get(key) ?? null;
  }
  setItem(key: string, value: string) {
    if (value.length > this.full) throw new Error('QuotaExceededError');
    this.entries.set(key, value);
  }
  removeItem(key: string) {
    this.entries.delete(key);
  }

  /** The events that pages left. */
  get left(): { payload: { n: number } }[] {
    const found = [...this.entries].filter(([key]) => key.split(':').length === 3);
    return found.flatMap(([, value]) => JSON.parse(value)).map((text) => JSON.parse(text));
  }
}

/** Web Locks as far as they matter: one holder at a time, in the order of asking. */
export const lockManager = () => {
  let last: Promise<unknown> = Promise.resolve();
  return {
    request: (_: string, action: () => unknown) => {
      last = last.then(action);
      return last;
    },
  };
};

/** Makes the globals those of a page; a client that is made next lives in it. */
export const openTab = (storage: KeyValueStorage | (() => never), locks: object | undefined = lockManager()) => {
  const document = Object.assign(new EventTarget(), {
    visibilityState: 'visible',
    title: 'Pricing',
    referrer: 'https://search.test/',
  });
  const window = Object.assign(new EventTarget(), { document });
  vi.stubGlobal('window', window);
  vi.stubGlobal('location', { pathname: '/pricing', href: 'https://shop.test/pricing?a=1' });
  vi.stubGlobal('addEventListener', window.addEventListener.bind(window));
  vi.stubGlobal('navigator', { locks });
  Object.defineProperty(globalThis, 'localStorage', {
    configurable: true,
    get: typeof storage === 'function' ? storage : () => storage,
  });
  const become = (state: string) => {
    document.visibilityState = state;
    document.dispatchEvent(new Event('visibilitychange'));
  };
  return {
    hide: () => become('hidden'),
    show: () => become('visible'),
    /** All that some browsers do when a page is left. */
    end: () => window.dispatchEvent(new Event('pagehide')),
    /** As the others do. */
    close: () => {
      window.dispatchEvent(new Event('pagehide'));
      become('hidden');
    },
  };
};

/** Lets everything run that waits for nothing but its turn, compression included. */
export const settled = () => new Promise((resolve) => setTimeout(resolve, 20));
