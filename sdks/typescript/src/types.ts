/** Event names with the shape of their payload: `{ purchase: { total: number } }`. */
export type Events = object;

/** Fields of every call. In a page, both ids are filled in. */
export interface Common {
  /** Id of the user. */
  userId?: string | undefined;
  /** Id of a visitor who is not signed in. */
  anonymousId?: string | undefined;
  /** Time of the event. Default now, or a millisecond after the batch before. */
  timestamp?: Date | string | undefined;
  /** Id of the event: events with the same id count once. Default a new UUIDv7. */
  messageId?: string | undefined;
  /** Page, device, library and so on. Overrides what `setContext` was given. */
  context?: object | undefined;
}

type PayloadOf<Payload> = Record<never, never> extends Payload ? { payload?: Payload } : { payload: Payload };

/** An action of a user. */
export type TrackCall<E extends Events, Name extends keyof E> = Common & { eventType: Name } & PayloadOf<E[Name]>;

/** Traits of a user. `null` removes a trait. */
export interface IdentifyCall extends Common {
  traits?: object | undefined;
}

/** A page view. In a browser, `payload` gets the page's path, address, title and referrer. */
export interface PageCall extends Common {
  name?: string | undefined;
  payload?: object | undefined;
}

/** A company, team or account that the user belongs to. */
export interface GroupCall extends Common {
  groupId: string;
  traits?: object | undefined;
}

/** Two ids belong to one user. In a page, `previousId` defaults to the anonymous id. */
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
  /** The server will never accept this event; `detail` says why. */
  | 'refused'
  /** The event is over 32 KB. */
  | 'event_too_large'
  /** The queue is full: `dropPolicy` chose this event. */
  | 'queue_full'
  /** The event cannot be converted to JSON, or `beforeSend` threw. */
  | 'invalid_event'
  /** The event was queued when `optOut` was called. */
  | 'opted_out'
  /** The client was shut down before the call. */
  | 'closed'
  /** `shutdown` had no time left to send it. */
  | 'shutdown'
  /** Reported once: the server does not accept the key (401, 403). Events are kept and not sent. */
  | 'unauthorized'
  /** Reported once: a secret key is in a page. Nothing is kept or sent. */
  | 'secret_key_in_page'
  /** A request failed and is retried after `retryMs`. Nothing is lost yet. */
  | 'retry';

/** Argument of `onError`; never contains a key. */
export interface SegOpsError {
  code: ErrorCode;
  /** The dropped event, if it could be converted to JSON. */
  event?: WireEvent | undefined;
  /** The status of the response, if there was one. */
  status?: number | undefined;
  /** What is wrong. It begins with the path of the field, or with the key that has no JSON form, if one is to blame. */
  detail?: string | undefined;
  /** Milliseconds until the next attempt. */
  retryMs?: number | undefined;
}

/** Counts of events since the client was created. */
export interface Stats {
  /** Waiting or being sent. */
  queued: number;
  /** UTF-8 bytes of the queued events. */
  queuedBytes: number;
  /** Acknowledged by the server. */
  sent: number;
  dropped: number;
}

/** The part of the browser's Storage that is used. */
export type KeyValueStorage = Pick<Storage, 'getItem' | 'setItem' | 'removeItem' | 'key' | 'length'>;

/** Who uses a page or an app, as `getUser` returns it. */
export interface CurrentUser {
  /** Id of the signed-in user; leave it out for a visitor. */
  userId?: string | undefined;
  /** Id of a visitor. Default the client's own. */
  anonymousId?: string | undefined;
  /** Signature of `userId`, made on your server by `signUserId` of `@segops/sdk/server`. */
  userIdSig?: string | undefined;
  /** Unix seconds of the signature. */
  userIdTs?: number | undefined;
}

export interface Options {
  /** Address of the API, such as `https://api.segops.ai`. */
  apiUrl: string;
  /** `sk_…` on servers, `pk_…` in pages. */
  apiKey: string;
  /** Number of queued events at which a batch is sent. Default 20. */
  flushAt?: number | undefined;
  /** Longest wait of an event, in milliseconds. Default 5,000. */
  flushIntervalMs?: number | undefined;
  /** Most events in the queue. Default 50,000. */
  maxQueueEvents?: number | undefined;
  /** Most UTF-8 bytes in the queue. Default 32 MiB. */
  maxQueueBytes?: number | undefined;
  /** Which event is dropped when the queue is full: the oldest that is not being sent, or the new one. Default `oldest`. */
  dropPolicy?: 'oldest' | 'newest' | undefined;
  /** Upper bound of the first wait after a failure, in milliseconds; each failure doubles it. Default 200. */
  retryBaseMs?: number | undefined;
  /** Limit of that bound, in milliseconds. Default 30,000. `Retry-After` may ask for more. */
  retryMaxMs?: number | undefined;
  /** Time limit of a request and its response, in milliseconds. Default 10,000. */
  requestTimeoutMs?: number | undefined;
  /** Compress bodies over 1 KB outside of pages, where CompressionStream exists. Not in sessions. Default true. */
  gzip?: boolean | undefined;
  /**
   * Called for every dropped event and every failed request. Exceptions are ignored. By default, each code is written to the
   * console once a minute, without events.
   */
  onError?: ((error: SegOpsError) => void) | undefined;
  /** Called with each event before it is queued. Return the event to send, or null to skip it. */
  beforeSend?: ((event: WireEvent) => WireEvent | null | undefined) | undefined;
  /**
   * For a `pk_…` key: says who uses the page. Events are then sent in a session of this user or visitor, whatever ids they
   * have. Called when a session begins: after `identify` or `reset`, every 14 minutes, and after a 401.
   */
  getUser?: (() => CurrentUser | null | undefined | Promise<CurrentUser | null | undefined>) | undefined;
  /** Default the platform's `fetch`. */
  fetch?: typeof fetch | undefined;
  /** Keeps ids, consent and unsent events. Default localStorage in a page, otherwise none; null for none. */
  storage?: KeyValueStorage | null | undefined;
  /** Keeps an edge runtime alive until a promise settles: `ctx.waitUntil.bind(ctx)`. Events are then sent at once. */
  waitUntil?: ((promise: Promise<unknown>) => void) | undefined;
}

/** Buffers events and sends them in batches. No method throws; all may be called detached. */
export interface Client<E extends Events = Record<string, object>> {
  track<Name extends keyof E & string>(call: TrackCall<E, Name>): void;
  /** Sets traits. In a page, later events belong to this user. */
  identify(call: IdentifyCall): void;
  page(call?: PageCall): void;
  /** The same as `page`. */
  trackPageView(call?: PageCall): void;
  group(call: GroupCall): void;
  alias(call: AliasCall): void;
  /** Adds to the context of all later events. */
  setContext(context: object): void;
  /** The user has signed out: forgets the ids and the context. Queued events are still sent. */
  reset(): void;
  /** Drops queued events, forgets the ids, and accepts no event until `optIn`. A page remembers it across loads. */
  optOut(): void;
  optIn(): void;
  /** Sends queued events. Resolves when none are left or an attempt has failed; failures are retried automatically. */
  flush(): Promise<void>;
  /** Sends queued events within `timeoutMs` (10,000), then stops. Unsent events are dropped; a page keeps them. */
  shutdown(timeoutMs?: number): Promise<Pick<Stats, 'sent' | 'dropped'>>;
  stats(): Stats;
}
