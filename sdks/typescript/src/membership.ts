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

  async #fetch(userId: string, known: Known | undefined): Promise<Known> {
    const { apiKey, requestTimeoutMs } = this.#options;
    if (globalThis.window?.document && /^sk_/.test(apiKey))
      throw new MembershipError(0, { cause: 'a secret key must not be used in a page' });
    const controller = new AbortController();
    const timeout = setTimeout(() => controller.abort(), requestTimeoutMs);
    try {
      const answer = await this.#get(userId, known?.etag, controller.signal);
      const at = performance.now();
      if (known && answer.status === 304) return this.#remember(userId, { ...known, at });
      if (answer.status !== 200) throw new MembershipError(answer.status);
      const segmentIds: number[] = (await answer.json()).segment_ids;
      return this.#remember(userId, { segmentIds, etag: answer.headers.get('etag'), at });
    } catch (cause) {
      throw cause instanceof MembershipError ? cause : new MembershipError(0, { cause });
    } finally {
      clearTimeout(timeout);
    }
  }

  #get(userId: string, etag: string | null | undefined, signal: AbortSignal): Promise<Response> {
    const { apiUrl, apiKey } = this.#options;
    const url = `${apiUrl.replace(/\/+$/, '')}/api/segments/membership/?user_id=${encodeURIComponent(userId)}`;
    const headers: Record<string, string> = { authorization: `ApiKey ${apiKey}` };
    if (etag) headers['if-none-match'] = etag;
    return (this.#options.fetch ?? fetch)(url, { headers, signal });
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
