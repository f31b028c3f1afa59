import { type Answer, refusalAt, retryAfter } from './transport.ts';
import type { Client, Common, ErrorCode, KeyValueStorage, Options, SegOpsError, WireEvent } from './types.ts';
import { attempt, type Item, iso, itemOf, uuid } from './util.ts';

const MAX_EVENT_BYTES = 32_768;
const MAX_BATCH_BYTES = 450_000;
const MAX_BATCH_EVENTS = 100;
/** Browsers refuse keepalive bodies over 65,536 bytes in total; the rest is room for the JSON around the events. */
const MAX_KEEPALIVE_BYTES = 60_000;
/** Waiting longer is useless, and timers overflow at 24 days. */
const MAX_WAIT_MS = 864e5;
const WAIT_UNTIL_MS = 25_000;

/** What a page stores, with short names: anonymous id, user id, opted out. */
interface Memory {
  a?: string;
  u?: string;
  o?: boolean;
}

type Call = Common &
  Partial<Record<'eventType' | 'name' | 'groupId' | 'previousId', string>> &
  Partial<Record<'payload' | 'traits', object>>;

export const createClient = (options: Options): Client => {
  const {
    apiUrl,
    apiKey,
    flushAt = 20,
    flushIntervalMs = 5e3,
    maxQueueEvents = 5e4,
    maxQueueBytes = 2 ** 25,
    dropPolicy,
    retryBaseMs = 200,
    retryMaxMs = 3e4,
    requestTimeoutMs = 1e4,
    onError,
    beforeSend,
    waitUntil,
    getUser,
  } = options;
  if (!/^https?:..\w(?!.*\/api\b)[^?#]*$/.test(apiUrl)) throw Error('SegOps: apiUrl must be http(s)://host');
  if (!/^[ps]k_[^\s"]+$/.test(apiKey)) throw Error('SegOps: apiKey must be pk_… or sk_…');
  const page = globalThis.window?.document;
  const isInert = page && apiKey[0] === 's';
  /** Prefix of the storage's entries: clients with different keys share nothing. */
  const name = `segops:${apiKey.slice(-8)}`;
  let { storage } = options;
  let memory: Memory = {};
  let context: object | undefined;
  /** The earliest time of events in the next batch, and in the one after it. */
  let start = 0;
  let next = 0;
  /** The minute in which a code was last written to the console. */
  const warned: Partial<Record<ErrorCode, number>> = {};
  let queue: Item[] = [];
  let queuedBytes = 0;
  /** How many events at the head of the queue are being sent. */
  let busy = 0;
  let limit = MAX_BATCH_EVENTS;
  let failures = 0;
  let sent = 0;
  let dropped = 0;
  let blocked = isInert;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let flushing: Promise<void> | undefined;
  /** Pending while nothing may be sent: back-off or Retry-After. */
  let waiting: Promise<void> | undefined;
  let closing: ReturnType<Client['shutdown']> | undefined;
  let controller: AbortController | undefined;

  // --- memory and reports

  const read = (key: string): Answer => attempt(() => JSON.parse(storage?.getItem(key) as string));
  /** Returns true if the value was stored; the storage may be full or forbidden. */
  const write = (key: string, value: unknown) =>
    attempt(() => {
      (storage as KeyValueStorage).setItem(key, JSON.stringify(value));
      return true;
    });
  const remember = (value: Memory) => {
    memory = value;
    write(name, value);
  };

  /** Returns true if no event may be accepted or sent. Another tab may have changed consent and the user. */
  const isRefused = () => {
    if (storage) memory = read(name) ?? memory;
    return isInert || memory.o;
  };

  /** Writes each code once a minute, without events. After a retry nothing is lost yet. */
  const warn = (error: SegOpsError) =>
    error.retryMs ??
    (warned[error.code] === (warned[error.code] = (Date.now() / 6e4) | 0) || console.warn('SegOps:', error));

  const report = (error: SegOpsError) => attempt(() => (onError ?? warn)(error));

  // --- the queue

  const drop = (item: Item, code: ErrorCode, status?: number, detail?: string) => {
    dropped++;
    report({ code, event: onError && attempt(() => JSON.parse(item.text)), status, detail });
  };

  const remove = (items: Item[]) => {
    for (const item of items) {
      if (!item.gone) queuedBytes -= item.bytes;
      item.gone = true;
    }
    queue = queue.filter((item) => !item.gone);
  };

  const discard = (code: ErrorCode) => {
    for (const item of queue) drop(item, code);
    remove(queue);
  };

  /**
   * Returns the head of the queue: at least one event, otherwise within the given limits. Gives the events their times:
   * later than the batch before, and not earlier within the batch, unless the clock was set back. After a refusal, the
   * halves of a batch get other times. After a failure the batch may be stored, so its times are final.
   */
  const head = (maxEvents: number, maxBytes = MAX_BATCH_BYTES) => {
    let count = 0;
    next = start;
    for (const item of queue) {
      // One more byte for the comma.
      maxBytes -= item.bytes + 1;
      // A session is of one user.
      if (count && (count >= maxEvents || maxBytes < 0 || (getUser && item.who !== (queue[0] as Item).who))) break;
      count++;
      if (item.at) {
        if (!(next > item.at && next < item.at + 6e4)) next = item.at;
        item.text = item.text.replace(iso(item.at), iso(next));
        item.at = failures ? 0 : next;
      }
    }
    next++;
    if (failures) start = next;
    return queue.slice(0, count);
  };

  const push = (item: Item) => {
    while (queue.length >= maxQueueEvents || queuedBytes + item.bytes > maxQueueBytes) {
      const [victim = item] = dropPolicy === 'newest' ? [] : queue.splice(busy, 1);
      drop(victim, 'queue_full');
      if (victim === item) return;
      queuedBytes -= victim.bytes;
    }
    queue.push(item);
    queuedBytes += item.bytes;
    timer ??= setTimeout(wake, flushIntervalMs);
    if (queue.length >= flushAt) flush();
    if (queue.length === 1) attempt(() => waitUntil?.(drain(WAIT_UNTIL_MS)));
  };

  const wireEvent = (
    type: WireEvent['type'],
    call: Call,
    at: number,
    user_id = call.userId ?? memory.u,
    anonymous_id = call.anonymousId ?? memory.a,
  ): WireEvent => ({
    // The first key, so that it is found first in the text.
    timestamp: call.timestamp ?? iso(at),
    type,
    message_id: call.messageId ?? uuid(),
    user_id,
    anonymous_id,
    event_type: call.eventType,
    name: call.name,
    payload:
      type === 'page' && page
        ? { path: location.pathname, url: location.href, title: page.title, referrer: page.referrer, ...call.payload }
        : call.payload,
    traits: call.traits,
    group_id: call.groupId,
    previous_id: call.previousId ?? (type === 'alias' ? memory.a : undefined),
    context: context || call.context ? { ...context, ...call.context } : undefined,
  });

  const on =
    (type: WireEvent['type']) =>
    (call: Call = {}) => {
      try {
        if (isRefused()) return;
        // A server sends for many users, so ids of one call must not apply to another.
        if (page || storage) {
          if (type === 'identify' && call.userId) remember({ ...memory, u: call.userId });
          if (!memory.a) remember({ ...memory, a: uuid() });
        }
        const at = call.timestamp ? 0 : Date.now();
        const event = wireEvent(type, call, at);
        const result = beforeSend ? beforeSend(event) : event;
        if (!result) return;
        const item = itemOf(JSON.stringify(result), at);
        item.who = result.user_id ?? result.anonymous_id;
        if (closing) drop(item, 'closed');
        else if (item.bytes > MAX_EVENT_BYTES) drop(item, 'event_too_large');
        else push(item);
      } catch (error) {
        dropped++;
        // The last key that is looked at has no JSON form.
        let key = '';
        attempt(() => {
          JSON.stringify(call, (name, value) => {
            key = `${name}: `;
            return value;
          });
          key = '';
        });
        report({ code: 'invalid_event', detail: key + error });
      }
    };

  // --- sending

  /** Sends a batch. Without a signal, as the last request of a page: without a preflight, outliving the page. */
  const post = async (items: Item[], signal?: AbortSignal) => {
    const url = `${apiUrl.replace(/\/+$/, '')}/api/ingestion/batch/`;
    const init = {
      method: 'POST',
      headers: signal
        ? { 'content-type': 'application/json', authorization: `ApiKey ${apiKey}` }
        : { 'content-type': 'text/plain' },
      body: `${signal ? '{' : `{"api_key":"${apiKey}",`}"batch":[${items.map((item) => item.text)}],"sent_at":"${iso(Date.now())}"}`,
      keepalive: !signal,
      signal: signal as AbortSignal,
    };
    return getUser || !page
      ? (await import('./lazy.ts')).send(options, url, init)
      : (options.fetch ?? fetch)(url, init);
  };

  const wake = () => {
    timer = undefined;
    flush();
  };

  const pause = (ms: number) => {
    clearTimeout(timer);
    waiting = new Promise((resolve) => {
      timer = setTimeout(
        () => {
          waiting = undefined;
          resolve();
          wake();
        },
        Math.min(ms, MAX_WAIT_MS),
      );
      // A failing server must not keep the process alive.
      (timer as { unref?: () => void }).unref?.();
    });
  };

  /** Removes refused events, and all others if the response is successful; returns how many were removed. */
  const settle = (batch: Item[], response: Response, answer: Answer) => {
    const settled = batch.filter((item, index) => {
      const detail = refusalAt(answer, index);
      if (detail) drop(item, 'refused', response.status, detail);
      else if (response.ok) sent++;
      return detail || response.ok;
    });
    remove(settled);
    return settled.length;
  };

  /** Handles a response, or undefined if there was none; returns milliseconds to wait, or NaN. */
  const react = (batch: Item[], response: Response | undefined, answer: Answer) => {
    const status = response?.status;
    let retryMs = attempt(() => retryAfter(response)) as number;
    if (response?.ok) {
      start = next;
      settle(batch, response, answer);
      failures = 0;
      limit = Math.min(limit + 1, MAX_BATCH_EVENTS);
    } else if (/400|413|422/.test(status as Answer)) {
      // The batch is too large, or one of its events is bad.
      if (!settle(batch, response as Response, answer) && !(limit = batch.length >> 1)) {
        drop(batch[0] as Item, 'refused', status, answer?.detail);
        remove(batch);
        limit = MAX_BATCH_EVENTS;
      }
    } else if (/40[13]/.test(status as Answer)) {
      blocked = true;
      report({ code: 'unauthorized', status, detail: answer?.detail });
    } else {
      // The batch may be stored, and times are part of an event's identity.
      retryMs = Math.max(retryMs || 0, Math.random() * Math.min(retryMaxMs, retryBaseMs * 2 ** failures++));
      report({ code: 'retry', status, retryMs });
    }
    return retryMs;
  };

  const send = async () => {
    const batch = head(limit);
    busy = batch.length;
    const { signal } = (controller = new AbortController());
    const timeout = setTimeout(() => controller?.abort(), requestTimeoutMs);
    let response: Response | undefined;
    let answer: Answer;
    try {
      response = await post(batch, signal);
      answer = await response.json();
    } catch {
      // No response is a failure; an unreadable response still has a status.
    }
    clearTimeout(timeout);
    busy = 0;
    // The page was left or the client shut down in the meantime.
    if (batch[0]?.gone) return;
    const retryMs = react(batch, response, answer);
    if (retryMs >= 0) pause(retryMs);
  };

  const flush = () =>
    (flushing ??= (async () => {
      // Calls of the same turn are sent together.
      await 0;
      while (queue.length && !waiting && !blocked) {
        if (isRefused()) discard('opted_out');
        else await send();
      }
      flushing = undefined;
      if (!queue.length && !waiting) {
        clearTimeout(timer);
        timer = undefined;
      }
    })());

  /** Resolves when nothing is left to send, or after `ms`. */
  const drain = (ms: number) =>
    new Promise<void>((resolve) => {
      const timeout = setTimeout(resolve, ms);
      (async () => {
        while (queue.length && !blocked) {
          await flush();
          await waiting;
        }
        clearTimeout(timeout);
        resolve();
      })();
    });

  // --- entering and leaving pages

  /** Moves events to the storage for the next page; returns their storage key if that worked. */
  const persist = () => {
    const items = head(maxQueueEvents);
    const key = `${name}:${uuid()}`;
    if (
      items.length &&
      write(
        key,
        items.map((item) => item.text),
      )
    ) {
      remove(items);
      return key;
    }
  };

  const leave = () => {
    if (isRefused()) discard('opted_out');
    if (!queue.length) return;
    // A request in progress may end with the page, so its events are sent again; message ids make that safe.
    controller?.abort();
    const batch = head(MAX_BATCH_EVENTS, MAX_KEEPALIVE_BYTES);
    const key = persist();
    if (!waiting && !blocked)
      post(batch)
        .then(async (response) => {
          if (!response.ok) return;
          settle(batch, response, await response.json());
          const left = key && read(key)?.slice(batch.length);
          if (left) left.length ? write(key, left) : storage?.removeItem(key);
        })
        .catch(() => {});
  };

  const isHidden = () => page?.visibilityState === 'hidden';

  /** Takes events that earlier pages left. They are removed first, under a lock, so that only one tab sends them. */
  const restore = () => {
    const take = () =>
      attempt(() => {
        for (let index = storage?.length ?? 0; index--; ) {
          const key = storage?.key(index) as string;
          // A tab that was hidden while it waited for the lock may end without an event.
          if (!key.startsWith(`${name}:`) || (isHidden() && !memory.o)) continue;
          const texts: string[] = read(key);
          storage?.removeItem(key);
          if (!memory.o) for (const text of texts) push(itemOf(text));
        }
      });
    const locks = globalThis.navigator?.locks;
    if (storage && !closing) locks ? locks.request(name, take).catch(take) : take();
  };

  if (isInert) {
    report({ code: 'secret_key_in_page', detail: 'a page needs a pk_… key' });
  } else {
    if (page && storage === undefined) storage = attempt(() => localStorage);
    isRefused();
    restore();
    if (page) {
      page.addEventListener('visibilitychange', () => (isHidden() ? leave() : restore()));
      addEventListener('pagehide', leave);
    }
  }

  return {
    track: on('track') as Client['track'],
    identify: on('identify') as Client['identify'],
    page: on('page') as Client['page'],
    trackPageView: on('page') as Client['page'],
    group: on('group') as Client['group'],
    alias: on('alias') as Client['alias'],
    setContext: (more) => {
      context = { ...context, ...more };
    },
    reset: () => {
      if (!isRefused()) remember({});
      context = undefined;
    },
    optOut: () => {
      remember({ o: true });
      discard('opted_out');
      controller?.abort();
      restore();
    },
    optIn: () => {
      isRefused();
      if (memory.o) remember({});
    },
    flush,
    shutdown: (timeoutMs = 1e4) =>
      (closing ??= (async () => {
        await drain(timeoutMs);
        persist();
        discard('shutdown');
        controller?.abort();
        clearTimeout(timer);
        return { sent, dropped };
      })()),
    stats: () => ({ queued: queue.length, queuedBytes, sent, dropped }),
  };
};
