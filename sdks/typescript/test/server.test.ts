import { createHmac } from 'node:crypto';
import { expect, test } from 'vitest';
import { signUserId } from '../src/server.ts';

const SECRET = '3b'.repeat(32);

test('the signature is the recipe of the API', async () => {
  for (const userId of ['user-1', 'zoë@example.com', '😀|1']) {
    const expected = createHmac('sha256', Buffer.from(SECRET, 'hex')).update(`${userId}|1769850000`).digest('hex');
    expect(await signUserId(SECRET, userId, 1_769_850_000)).toEqual({
      userId,
      userIdSig: expected,
      userIdTs: 1_769_850_000,
    });
  }
});

test('it is of now, in whole seconds', async () => {
  const { userIdTs } = await signUserId(SECRET, 'user-1');
  expect(Number.isInteger(userIdTs)).toBe(true);
  expect(Math.abs(userIdTs - Date.now() / 1_000)).toBeLessThan(60);
});

test('what cannot be signed is refused', async () => {
  for (const secret of ['', 'xyz', '3b3', 'pk_live_1'])
    await expect(signUserId(secret, 'user-1')).rejects.toThrow('hmac_secret');
  await expect(signUserId(SECRET, '')).rejects.toThrow('userId');
});
