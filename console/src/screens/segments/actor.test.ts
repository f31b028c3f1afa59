import { expect, it } from 'vitest';
import { actorName } from './actor';

const EMAILS = new Map([[8, 'ada@example.com']]);

it.each([
  ['user:7', 'you'],
  ['user:8', 'ada@example.com'],
  ['user:9', 'user 9'],
  ['key:5', 'API key 5'],
  ['schedule', 'schedule'],
])('names %s', (actor, name) => {
  expect(actorName(actor, 7, EMAILS)).toBe(name);
});
