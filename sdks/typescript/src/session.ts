import type { Options, WireEvent } from './types.ts';

/** How long before its end a session is renewed. */
const RENEW_MS = 6e4;
/** Sessions of users before the current one are kept for their queued events. */
const MAX_SESSIONS = 8;

interface Session {
  token: string;
  renewAt: number;
}

type Sessions = Map<string | undefined, Promise<Session | Response>>;

/** By client, then by whose events are sent. */
const clients = new WeakMap<Options, Sessions>();

/** Begins a session; returns what the server answered if it refuses. */
const begin = async (options: Options, who: string | undefined, address: string): Promise<Session | Response> => {
  const user = await options.getUser?.();
  const response = await (options.fetch ?? fetch)(`${address}/api/auth/session/`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `ApiKey ${options.apiKey}` },
    body: JSON.stringify({
      user_id: user?.userId,
      anonymous_id: user?.anonymousId ?? (user?.userId ? undefined : who),
      user_id_sig: user?.userIdSig,
      user_id_ts: user?.userIdTs,
    }),
    keepalive: true,
  });
  if (response.ok) {
    const { token, expires_at } = await response.json();
    return { token, renewAt: Date.parse(expires_at) - RENEW_MS };
  }
  // Events must not be dropped because a session was refused as malformed.
  return response.status === 429 || response.status >= 500
    ? response
    : new Response(await response.text(), { status: 403 });
};

/**
 * Sends a request with the token of a session in place of the key. A session begins with the first request, a minute before
 * the end of the previous one, and once after a 401. All events of a request are of one user or visitor.
 */
export const sendInSession = async (options: Options, url: string, init: RequestInit): Promise<Response> => {
  const [event] = JSON.parse(init.body as string).batch as [WireEvent];
  const who = event.user_id ?? event.anonymous_id;
  const sessions: Sessions = clients.get(options) ?? new Map();
  clients.set(options, sessions);

  const newSession = () => {
    const next = begin(options, who, url.replace(/\/api\/.*/, ''));
    sessions.delete(who);
    sessions.set(who, next);
    for (const oldest of sessions.keys()) if (sessions.size > MAX_SESSIONS) sessions.delete(oldest);
    // The next request tries again.
    const forget = () => sessions.get(who) === next && sessions.delete(who);
    next.then((session) => 'token' in session || forget(), forget);
    return next;
  };
  const sendWith = (token: string) => {
    const headers: Record<string, string> = { ...(init.headers as Record<string, string>) };
    let { body } = init;
    if (headers.authorization) headers.authorization = `Bearer ${token}`;
    else
      body = `{"session_token":${JSON.stringify(token)},${`${body}`.slice(`{"api_key":"${options.apiKey}",`.length)}`;
    return (options.fetch ?? fetch)(url, { ...init, headers, body: body as BodyInit });
  };

  let session = await (sessions.get(who) ?? newSession());
  if ('token' in session && Date.now() >= session.renewAt) session = await newSession();
  if (!('token' in session)) return session;
  const response = await sendWith(session.token);
  if (response.status !== 401) return response;
  session = await newSession();
  return 'token' in session ? sendWith(session.token) : session;
};
