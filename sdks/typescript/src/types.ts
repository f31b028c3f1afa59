/** Event names with the shape of their payload: `{ purchase: { total: number } }`. */
export type Events = object;

/** What every call may say about itself. In a page, both ids are filled in. */
export interface Common {
  /** Who did it. */
  userId?: string | undefined;
  /** Who did it, while they are not known. */
  anonymousId?: string | undefined;
  /** When it happened; now, if left out. */
  timestamp?: Date | string | undefined;
  /** Names the event: sent twice under one name, it counts once. A fresh UUIDv7, if left out. */
  messageId?: string | undefined;
  /** Circumstances: page, device, library. Goes over what `setContext` was given. */
  context?: object | undefined;
}

type PayloadOf<Payload> = Record<never, never> extends Payload ? { payload?: Payload } : { payload: Payload };

/** Something a user did. */
export type TrackCall<E extends Events, Name extends keyof E> = Common & { eventType: Name } & PayloadOf<E[Name]>;

/** Traits of a user: what is known of them. `null` removes one. */
export interface IdentifyCall extends Common {
  traits?: object | undefined;
}

/** A page that was seen. In a page, `payload` begins as its path, address, title and referrer. */
export interface PageCall extends Common {
  name?: string | undefined;
  payload?: object | undefined;
}

/** A company, team or account that the user belongs to. */
export interface GroupCall extends Common {
  groupId: string;
  traits?: object | undefined;
}

/** Two ids are one user. In a page, `previousId` begins as the anonymous id. */
export interface AliasCall extends Common {
  userId: string;
  previousId?: string | undefined;
}

/** An event as it is sent. */
export interface WireEvent {
  type: 'track' | 'identify' | 'page' | 'group' | 'alias';
  message_id: string;
  timestamp: Date | string;
  user_id?: string | undefined;
  anonymous_id?: string | undefined;
  event_type?: string | undefined;
  name?: string | undefined;
  payload?: object | undefined;
  traits?: object | undefined;
  group_id?: string | undefined;
  previous_id?: string | undefined;
  context?: object | undefined;
}

/** Why an event was dropped, or why nothing can be sent. */
export type ErrorCode =
  /** The server refused this event for good; `detail` says why. */
  | 'refused'
  /** The event is over 32 KB. */
  | 'event_too_large'
  /** The queue is full: `dropPolicy` chose this event. */
  | 'queue_full'
  /** It cannot be written as JSON, or `beforeSend` threw. */
  | 'invalid_event'
  /** It was queued when `optOut` was called. */
  | 'opted_out'
  /** The client was shut down before the call. */
  | 'closed'
  /** `shutdown` had no time left to send it. */
  | 'shutdown'
  /** Told once: the server does not take the key (401, 403). Events are kept and not sent. */
  | 'unauthorized'
  /** Told once: a secret key is in a page. Nothing is kept or sent. */
  | 'secret_key_in_page'
  /** A request failed and is repeated after `retryMs`. Nothing is lost yet. */
  | 'retry';

/** What `onError` is told; never holds a key. */
export interface SegOpsError {
  code: ErrorCode;
  /** The event that was dropped, if it could be written. */
  event?: WireEvent | undefined;
  /** The status of the answer, if there was one. */
  status?: number | undefined;
  detail?: string | undefined;
  /** Milliseconds until the next attempt. */
  retryMs?: number | undefined;
}

/** Counts of events since the client was made. */
export interface Stats {
  /** Waiting or on their way. */
  queued: number;
  /** UTF-8 bytes of those. */
  queuedBytes: number;
  /** Acknowledged by the server. */
  sent: number;
  dropped: number;
}

/** The part of the browser's Storage that is used. */
export type KeyValueStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

export interface Options {
  /** Address of the API, as `https://api.segops.ai`. */
  apiUrl: string;
  /** `sk_…` on servers, `pk_…` in pages. */
  apiKey: string;
  /** Events that wait until a batch is sent. Default 20. */
  flushAt?: number | undefined;
  /** Milliseconds that an event waits at most. Default 5,000. */
  flushIntervalMs?: number | undefined;
  /** Default 50,000. */
  maxQueueEvents?: number | undefined;
  /** UTF-8 bytes of the queued events. Default 32 MiB. */
  maxQueueBytes?: number | undefined;
  /** Which event goes when the queue is full: the oldest that is not on its way, or the one that comes. Default `oldest`. */
  dropPolicy?: 'oldest' | 'newest' | undefined;
  /** Upper bound of the first wait after a failure; each further failure doubles it. Default 200. */
  retryBaseMs?: number | undefined;
  /** The bound grows no further. Default 30,000. `Retry-After` may ask for more. */
  retryMaxMs?: number | undefined;
  /** Until an answer is complete. Default 10,000. */
  requestTimeoutMs?: number | undefined;
  /** Whether bodies over 1 KB are compressed where CompressionStream exists. Default true. */
  gzip?: boolean | undefined;
  /** Told of every dropped event and every failed request. What it throws is ignored. */
  onError?: ((error: SegOpsError) => void) | undefined;
  /** Sees each event before it is queued; returns what is to be sent, or null to leave it out. */
  beforeSend?: ((event: WireEvent) => WireEvent | null | undefined) | undefined;
  /** The platform's `fetch`, if left out. */
  fetch?: typeof fetch | undefined;
  /** Keeps ids, consent and unsent events. In a page localStorage, elsewhere nothing, if left out; null for none. */
  storage?: KeyValueStorage | null | undefined;
  /** Holds an edge runtime until a promise has ended: `ctx.waitUntil.bind(ctx)`. Events are sent at once then. */
  waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/** Buffers events and sends them in batches. No method throws; all may be called detached. */
export interface Client<E extends Events = Record<string, object>> {
  track<Name extends keyof E & string>(call: TrackCall<E, Name>): void;
  /** Sets traits. In a page, later events are of this user. */
  identify(call: IdentifyCall): void;
  page(call?: PageCall): void;
  group(call: GroupCall): void;
  alias(call: AliasCall): void;
  /** Adds to the context of all later events. */
  setContext(context: object): void;
  /** The user has left: forgets the ids and the context. Queued events are sent. */
  reset(): void;
  /** Drops what is queued, forgets the ids, and takes no event until `optIn`. In a page, kept over loads. */
  optOut(): void;
  optIn(): void;
  /** Sends what is queued. Ends when nothing is left or an attempt has failed; that is repeated by itself. */
  flush(): Promise<void>;
  /** Sends what is queued, within `timeoutMs` (10,000); then stops. What could not be sent is dropped, in a page kept. */
  shutdown(timeoutMs?: number): Promise<Pick<Stats, 'sent' | 'dropped'>>;
  stats(): Stats;
}
