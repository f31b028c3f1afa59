import { expect, it } from 'vitest';
import { tagsFault } from './TagsField';

it('refuses a tag that the API would refuse', () => {
  expect(tagsFault(['q4', 'é'.repeat(40), '🙂'.repeat(40)])).toBeNull();
  expect(tagsFault(['q4', 'x'.repeat(41)])).toContain('more than 40 characters');
});
