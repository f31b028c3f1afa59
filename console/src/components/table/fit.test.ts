import { expect, it } from 'vitest';
import { fitting } from './fit';

const COLUMNS = [
  { key: 'name', width: 'minmax(160px, 3fr)', narrow: 'title' },
  { key: 'size', width: '76px', narrow: 'hidden' },
  { key: 'since', width: 'minmax(96px, 1fr)' },
  { key: 'id', width: '64px', narrow: 'hidden' },
  { key: 'open', width: '76px', narrow: 'aside' },
] as const;
const ALL = 40 + 160 + 76 + 96 + 64 + 76 + 4 * 16;

it.each([
  [ALL, ['name', 'size', 'since', 'id', 'open']],
  [ALL - 1, ['name', 'size', 'since', 'open']],
  [ALL - 64 - 16 - 1, ['name', 'since', 'open']],
  [ALL - 64 - 16 - 76 - 16, ['name', 'since', 'open']],
  [ALL - 64 - 16 - 76 - 16 - 1, undefined],
])('at %d pixels, shows what fits', (width, keys) => {
  expect(fitting(COLUMNS, width)?.map(({ key }) => key)).toEqual(keys);
});
