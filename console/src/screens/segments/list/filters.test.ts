import { expect, it } from 'vitest';
import { tagsOf } from './Filters';

it('lists each tag once, with the one that is chosen or typed', () => {
  const segments = [{ tags: ['q4', 'email'] }, { tags: [] }, { tags: ['email'] }];
  expect(tagsOf(segments)).toEqual(['email', 'q4']);
  expect(tagsOf(segments, 'shop', '')).toEqual(['email', 'q4', 'shop']);
});
