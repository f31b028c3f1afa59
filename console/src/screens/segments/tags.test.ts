import { expect, it } from 'vitest';
import { fittingTags } from './Tags';

it.each([
  [['mail', 'weekly'], 2],
  [['crm', 'north-west europe', 'b2b'], 1],
  [['north-west europe', 'b2b'], 1],
  [['a', 'b', 'c', 'd'], 4],
])('of %j, %d have room', (tags, shown) => {
  expect(fittingTags(tags, 11)).toBe(shown);
});
