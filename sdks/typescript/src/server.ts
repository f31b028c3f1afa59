import type { CurrentUser } from './types.ts';

const hex = (bytes: Uint8Array) => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');

/** A signed user id, as `getUser` returns it in a page. */
export interface SignedUser extends CurrentUser {
  userId: string;
  userIdSig: string;
  userIdTs: number;
}

/**
 * Signs the id of the user who is signed in on your server, for a key that requires it. Pass the result to the page, whose
 * `getUser` returns it. A session must begin within 5 minutes of the signature.
 *
 * @param secretHex `hmac_secret` of the key. It must never reach a page.
 * @param userIdTs Unix seconds. Default now.
 */
export const signUserId = async (
  secretHex: string,
  userId: string,
  userIdTs: number = Math.floor(Date.now() / 1_000),
): Promise<SignedUser> => {
  if (!/^([0-9a-f]{2})+$/i.test(secretHex))
    throw new TypeError('SegOps: secretHex must be the hmac_secret of a key, in hexadecimal');
  if (typeof userId !== 'string' || !userId) throw new TypeError('SegOps: userId must be text that is not empty');
  const secret = Uint8Array.from(secretHex.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
  const algorithm = { name: 'HMAC', hash: 'SHA-256' };
  const key = await crypto.subtle.importKey('raw', secret, algorithm, false, ['sign']);
  const signature = await crypto.subtle.sign('HMAC', key, new TextEncoder().encode(`${userId}|${userIdTs}`));
  return { userId, userIdSig: hex(new Uint8Array(signature)), userIdTs };
};
