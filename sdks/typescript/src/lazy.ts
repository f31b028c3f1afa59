// What most pages do not need, and therefore do not load.
import { sendCompressed } from './gzip.ts';
import { sendInSession } from './session.ts';
import type { Options } from './types.ts';

/** Sends a request in a session, or compressed. */
export const send = (options: Options, url: string, init: RequestInit): Promise<Response> =>
  (options.getUser ? sendInSession : sendCompressed)(options, url, init);
