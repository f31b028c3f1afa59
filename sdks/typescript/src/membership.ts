/** Options of a membership lookup, for servers. */
export interface MembershipOptions {
  /** Address of the API, such as `https://api.segops.ai`. */
  apiUrl: string;
  /** A secret key with the scope `membership:read`. */
  apiKey: string;
  /** How long an answer is reused without asking again. Default 10,000. */
  freshMs?: number;
  /** How long it is used after that while a new one is fetched or the server is unavailable. Default 300,000. */
  staleMs?: number;
  /** Number of users in the cache; the least recently used is evicted. Default 10,000. */
  maxUsers?: number;
  /** Default 2,000. */
  requestTimeoutMs?: number;
  fetch?: typeof fetch;
  /** Keeps an edge runtime alive until an answer has been refreshed. */
  waitUntil?: (promise: Promise<unknown>) => void;
}

/** The lookup failed; `status` is 0 if there was no response. */
export class MembershipError extends Error {
  override readonly name = 'MembershipError';

  constructor(
    readonly status: number,
    options?: ErrorOptions,
  ) {
    super(status ? `the membership lookup was answered ${status}` : 'the membership lookup was not answered', options);
  }
}

/** A user in a segment, and since when, as RFC 3339. */
export interface Member {
  userId: string;
  computedAt: string;
}

/** One condition of a segment, and what is true of a user. */
export interface ExplainedCondition {
  index: number;
  type: string;
  label: string;
  actual_value: unknown;
  threshold: unknown;
  matches: boolean;
}

/** Users of one request, as the API takes them. */
const MAX_USERS = 1_000;

interface Known {
  segmentIds: readonly number[];
  etag: string | null;
  at: number;
}

/** Looks up the segments of users and caches the answers. */
export class Membership {
  readonly #options: MembershipOptions & {
    freshMs: number;
    staleMs: number;
    maxUsers: number;
    requestTimeoutMs: number;
  };
  /** Least recently used first. */
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, Promise<Known>>();

  constructor(options: MembershipOptions) {
    if (!/^https?:\/\/\w(?!.*\/api\b)[^?#]*$/.test(options.apiUrl))
      throw new TypeError('SegOps: apiUrl must be https://host, without a path of the API');
    if (!/^sk_[^\s"]+$/.test(options.apiKey))
      throw new TypeError('SegOps: apiKey must be a secret key, sk_…, as it was shown when it was created');
    const usual = { freshMs: 10_000, staleMs: 300_000, maxUsers: 10_000, requestTimeoutMs: 2_000 };
    this.#options = { ...usual, ...options };
  }

  /** Returns the ids of the user's segments. Rejects with MembershipError if there is no response and no cached answer. */
  async segmentsOf(userId: string): Promise<readonly number[]> {
    const { freshMs, staleMs, waitUntil } = this.#options;
    const known = this.#used(userId);
    const age = known ? performance.now() - known.at : Number.POSITIVE_INFINITY;
    if (known && age < freshMs) return known.segmentIds;
    const asked = this.#ask(userId, known);
    if (!known || age >= freshMs + staleMs) return (await asked).segmentIds;
    const renewed = asked.catch(() => undefined);
    waitUntil?.(renewed);
    return known.segmentIds;
  }

  async isIn(userId: string, segmentId: number): Promise<boolean> {
    return (await this.segmentsOf(userId)).includes(segmentId);
  }

  /** Returns the ids of the segments of each user, by 1,000 users a request, without the cache. */
  async segmentsOfEach(userIds: Iterable<string>): Promise<Map<string, readonly number[]>> {
    const ids = [...userIds];
    const found = new Map<string, readonly number[]>();
    for (let start = 0; start < ids.length; start += MAX_USERS) {
      const body = JSON.stringify({ user_ids: ids.slice(start, start + MAX_USERS) });
      const { results } = await this.#read('segments/membership/batch/', body);
      for (const { user_id, segment_ids } of results) found.set(user_id, segment_ids);
    }
    return found;
  }

  /** Iterates over all members of a segment as of one computation, in a stable order. */
  async *members(segmentId: number, pageSize = 1_000): AsyncGenerator<Member, void> {
    let cursor: string | null = null;
    do {
      const after: string = cursor === null ? '' : `&cursor=${encodeURIComponent(cursor)}`;
      const page = await this.#read(`segments/${segmentId}/members/?limit=${pageSize}${after}`);
      for (const { user_id, computed_at } of page.results) yield { userId: user_id, computedAt: computed_at };
      cursor = page.next_cursor;
    } while (cursor !== null);
  }

  /** Returns for each condition of a segment what is true of the user. */
  explain(userId: string, segmentId: number): Promise<ExplainedCondition[]> {
    return this.#read(`explorer/users/${encodeURIComponent(userId)}/segments/${segmentId}/explain/`);
  }

  /** Removes one user, or all, from the cache. */
  forget(userId?: string): void {
    if (userId === undefined) this.#known.clear();
    else this.#known.delete(userId);
  }

  #used(userId: string): Known | undefined {
    const known = this.#known.get(userId);
    if (known) {
      this.#known.delete(userId);
      this.#known.set(userId, known);
    }
    return known;
  }

  /** Sends one request per user at a time. */
  #ask(userId: string, known: Known | undefined): Promise<Known> {
    let asking = this.#asking.get(userId);
    if (!asking) {
      asking = this.#fetch(userId, known).finally(() => this.#asking.delete(userId));
      this.#asking.set(userId, asking);
    }
    return asking;
  }

  #fetch(userId: string, known: Known | undefined): Promise<Known> {
    const headers: Record<string, string> = known?.etag ? { 'if-none-match': known.etag } : {};
    return this.#request(`segments/membership/?user_id=${encodeURIComponent(userId)}`, { headers }, async (answer) => {
      const at = performance.now();
      if (known && answer.status === 304) return this.#remember(userId, { ...known, at });
      if (answer.status !== 200) throw new MembershipError(answer.status);
      const segmentIds: number[] = (await answer.json()).segment_ids;
      return this.#remember(userId, { segmentIds, etag: answer.headers.get('etag'), at });
    });
  }

  /** Returns the body of a successful response, to a POST if there is a body to send. */
  // biome-ignore lint/suspicious/noExplicitAny: the API documents its shape.
  #read(path: string, body?: string): Promise<any> {
    const init = body === undefined ? {} : { method: 'POST', body, headers: { 'content-type': 'application/json' } };
    return this.#request(path, init, async (answer) => {
      if (answer.status !== 200) throw new MembershipError(answer.status);
      return answer.json();
    });
  }

  /** Sends a request and reads its response within the time limit. Rejects with MembershipError. */
  async #request<T>(path: string, init: RequestInit, read: (answer: Response) => Promise<T>): Promise<T> {
    const { apiUrl, apiKey, requestTimeoutMs } = this.#options;
    if (globalThis.window?.document && /^sk_/.test(apiKey))
      throw new MembershipError(0, { cause: 'a secret key must not be used in a page' });
    const controller = new AbortController();
    const timeout = setTimeout(() => controller.abort(), requestTimeoutMs);
    const headers = { authorization: `ApiKey ${apiKey}`, ...(init.headers as Record<string, string>) };
    const url = `${apiUrl.replace(/\/+$/, '')}/api/${path}`;
    try {
      return await read(await (this.#options.fetch ?? fetch)(url, { ...init, headers, signal: controller.signal }));
    } catch (cause) {
      throw cause instanceof MembershipError ? cause : new MembershipError(0, { cause });
    } finally {
      clearTimeout(timeout);
    }
  }

  #remember(userId: string, known: Known): Known {
    this.#known.delete(userId);
    this.#known.set(userId, known);
    for (const oldest of this.#known.keys()) {
      if (this.#known.size <= this.#options.maxUsers) break;
      this.#known.delete(oldest);
    }
    return known;
  }
}
