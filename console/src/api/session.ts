/**
 * The signed-in session of this browser.
 *
 * The refresh token is in a cookie that scripts cannot read. The access token is in memory only, and tabs pass it to
 * each other, so that one of them refreshes for all. Local storage holds only the fact that somebody signed in.
 */
import { useSyncExternalStore } from 'react';
import { heldLocks, shareLock, withLock } from './browser';
import { ApiProblem } from './problem';
import { sendJson } from './transport';
import type { TokenSet } from './types';

/** `starting` until the first refresh has ended; `expired` if a session ended while the console was open. */
export type SessionState = 'starting' | 'signed-out' | 'signed-in' | 'expired';
type Token = { access: string; expiresAt: number };
type Message = ({ kind: 'token' } & Token) | { kind: 'ask' } | { kind: 'signed-out' };

const MARKER = 'segops.signed-in';
const LOCK = 'segops.refresh';
/** A tab holds the lock of this name and the token's end as long as it keeps the token. */
const KEEPS = 'segops.token:';
const EARLY_MS = 30_000;
const MESSAGE_MS = 2_000;

let state: SessionState = 'starting';
let token: Token | null = null;
let kept: Promise<() => void> | null = null;
const listeners = new Set<() => void>();
const channel = new BroadcastChannel('segops.session');

function enter(next: SessionState): void {
  if (state === next) return;
  state = next;
  for (const listener of listeners) listener();
}

/** Keep a token from now on. Return when other tabs can find out that this one keeps it. */
async function keep(access: string, expiresAt: number): Promise<void> {
  const before = kept;
  token = { access, expiresAt };
  kept = shareLock(`${KEEPS}${expiresAt}`);
  enter('signed-in');
  await kept;
  (await before)?.();
}

function forget(next: 'signed-out' | 'expired'): void {
  void kept?.then((release) => release());
  token = kept = null;
  localStorage.removeItem(MARKER);
  enter(next);
}

function tell(message: Message): void {
  channel.postMessage(message);
}

channel.onmessage = ({ data }: MessageEvent<Message>) => {
  if (data.kind === 'signed-out') forget('signed-out');
  else if (data.kind === 'ask') {
    if (token && usable() !== null) tell({ kind: 'token', ...token });
  } else if (data.expiresAt > (token?.expiresAt ?? 0)) void keep(data.access, data.expiresAt);
};

/** Ask the tabs that keep a later token than this one for it, and wait at most two seconds. */
async function askTabs(): Promise<void> {
  const mine = token?.expiresAt ?? 0;
  const ends = (await heldLocks()).filter((name) => name.startsWith(KEEPS)).map((name) => +name.slice(KEEPS.length));
  if (!ends.some((end) => end > mine && end - EARLY_MS > Date.now())) return;
  await new Promise<void>((resolve) => {
    const ended = new AbortController();
    const end = () => {
      ended.abort();
      clearTimeout(timer);
      resolve();
    };
    const timer = setTimeout(end, MESSAGE_MS);
    channel.addEventListener('message', () => (token?.expiresAt ?? 0) > mine && end(), { signal: ended.signal });
    tell({ kind: 'ask' });
  });
}

async function adopt(tokens: Pick<TokenSet, 'access' | 'expires_in'>): Promise<string> {
  const expiresAt = Date.now() + tokens.expires_in * 1000;
  localStorage.setItem(MARKER, '1');
  await keep(tokens.access, expiresAt);
  tell({ kind: 'token', access: tokens.access, expiresAt });
  return tokens.access;
}

function usable(): string | null {
  return token && token.expiresAt - EARLY_MS > Date.now() ? token.access : null;
}

/** Refresh once for all tabs: a tab that keeps a later token is found by its lock, and passes the token on. */
async function refresh(refused: string | null): Promise<string> {
  if (state === 'expired' || state === 'signed-out') throw new ApiProblem(401, 'signed-out', 'You are signed out.');
  return withLock(LOCK, async () => {
    await askTabs();
    const passed = usable();
    if (passed !== null && passed !== refused) return passed;
    try {
      return await adopt(await sendJson<TokenSet>('/api/auth/token/refresh/', {}));
    } catch (error) {
      if (error instanceof ApiProblem && (error.status === 401 || error.status === 403)) {
        forget(state === 'starting' ? 'signed-out' : 'expired');
      }
      throw error;
    }
  });
}

/** Return an access token that is valid for a while. Raise ApiProblem if the session has ended. */
export async function accessToken(refused: string | null = null): Promise<string> {
  const current = usable();
  return current !== null && current !== refused ? current : refresh(refused);
}

/** Find out at the start whether this browser has a session. */
export async function startSession(): Promise<SessionState> {
  if (state !== 'starting') return state;
  if (localStorage.getItem(MARKER) === null) {
    enter('signed-out');
    return state;
  }
  await refresh(null).catch(() => undefined);
  return state;
}

export async function signIn(email: string, password: string): Promise<void> {
  await adopt(await sendJson<TokenSet>('/api/auth/token/', { email, password, refresh_in: 'cookie' }));
}

export interface NewAccount {
  email: string;
  password: string;
  tenant_name: string;
  tenant_slug: string;
}

export async function signUp(account: NewAccount): Promise<void> {
  const body = { ...account, refresh_in: 'cookie' };
  await adopt((await sendJson<{ tokens: TokenSet }>('/api/auth/signup/', body)).tokens);
}

/** Take over the tokens of an accepted invite. */
export async function adoptTokens(tokens: TokenSet): Promise<void> {
  await adopt(tokens);
}

/** End the session in all tabs of this browser, even if the server does not answer. */
export async function signOut(): Promise<void> {
  await sendJson('/api/auth/token/revoke/', {}).catch(() => undefined);
  forget('signed-out');
  tell({ kind: 'signed-out' });
}

/** Return whether someone is signed in now. */
export function sessionState(): SessionState {
  return state;
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useSession(): SessionState {
  return useSyncExternalStore(subscribe, () => state);
}
