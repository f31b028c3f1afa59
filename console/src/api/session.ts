/**
 * The signed-in session of this browser.
 *
 * The refresh token is in a cookie that scripts cannot read. The access token is in memory only, and tabs pass it to
 * each other, so that one of them refreshes for all. Local storage holds only the fact that somebody signed in.
 */
import { useSyncExternalStore } from 'react';
import { isHeld, withLock } from './browser';
import { ApiProblem } from './problem';
import { sendJson } from './transport';
import type { TokenSet } from './types';

/** `starting` until the first refresh has ended; `expired` if a session ended while the console was open. */
export type SessionState = 'starting' | 'signed-out' | 'signed-in' | 'expired';
type Message = { kind: 'token'; access: string; expiresAt: number } | { kind: 'signed-out' };

const MARKER = 'segops.signed-in';
const LOCK = 'segops.refresh';
const EARLY_MS = 30_000;
const MESSAGE_MS = 2_000;

let state: SessionState = 'starting';
let token: { access: string; expiresAt: number } | null = null;
const listeners = new Set<() => void>();
const channel = new BroadcastChannel('segops.session');

function enter(next: SessionState): void {
  if (state === next) return;
  state = next;
  for (const listener of listeners) listener();
}

function keep(access: string, expiresAt: number): void {
  token = { access, expiresAt };
  enter('signed-in');
}

function forget(next: 'signed-out' | 'expired'): void {
  token = null;
  localStorage.removeItem(MARKER);
  enter(next);
}

channel.onmessage = (message: MessageEvent<Message>) => {
  if (message.data.kind === 'token') keep(message.data.access, message.data.expiresAt);
  else forget('signed-out');
};

/** Wait for a message of another tab, at most two seconds. */
function nextMessage(): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, MESSAGE_MS);
    channel.addEventListener(
      'message',
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}

function adopt(tokens: Pick<TokenSet, 'access' | 'expires_in'>): string {
  const expiresAt = Date.now() + tokens.expires_in * 1000;
  localStorage.setItem(MARKER, '1');
  keep(tokens.access, expiresAt);
  channel.postMessage({ kind: 'token', access: tokens.access, expiresAt } satisfies Message);
  return tokens.access;
}

function usable(): string | null {
  return token && token.expiresAt - EARLY_MS > Date.now() ? token.access : null;
}

/** Refresh once for all tabs: who waits for the lock finds the token that another tab has passed on. */
async function refresh(refused: string | null): Promise<string> {
  if (state === 'expired' || state === 'signed-out') throw new ApiProblem(401, 'signed-out', 'You are signed out.');
  const waited = await isHeld(LOCK);
  return withLock(LOCK, async () => {
    // The lock may come before the token that its holder has passed on.
    if (waited && usable() === null) await nextMessage();
    const passed = usable();
    if (passed !== null && passed !== refused) return passed;
    try {
      return adopt(await sendJson<TokenSet>('/api/auth/token/refresh/', {}));
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
  adopt(await sendJson<TokenSet>('/api/auth/token/', { email, password, refresh_in: 'cookie' }));
}

export interface NewAccount {
  email: string;
  password: string;
  tenant_name: string;
  tenant_slug: string;
}

export async function signUp(account: NewAccount): Promise<void> {
  const body = { ...account, refresh_in: 'cookie' };
  adopt((await sendJson<{ tokens: TokenSet }>('/api/auth/signup/', body)).tokens);
}

/** Take over the tokens of an accepted invite. */
export function adoptTokens(tokens: TokenSet): void {
  adopt(tokens);
}

/** End the session in all tabs of this browser, even if the server does not answer. */
export async function signOut(): Promise<void> {
  await sendJson('/api/auth/token/revoke/', {}).catch(() => undefined);
  forget('signed-out');
  channel.postMessage({ kind: 'signed-out' } satisfies Message);
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
