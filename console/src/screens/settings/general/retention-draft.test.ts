import { expect, test } from 'vitest';
import { complete, draftOf, withType } from './retention-draft';

test('what is stored reads back', () => {
  const stored = { default_days: 400, event_types: [{ event_type: 'page_viewed', days: 90 }] };
  expect(complete(draftOf(stored))).toEqual(stored);
  expect(complete(draftOf({ default_days: null, event_types: [] }))).toEqual({ default_days: null, event_types: [] });
});

test('a row without a name or a number is not complete', () => {
  const draft = withType(draftOf({ default_days: null, event_types: [{ event_type: 'a', days: 1 }] }));
  expect(draft.types.map(({ key }) => key)).toEqual([0, 1]);
  expect(complete(draft)).toBeNull();
  const [first, second] = draft.types;
  if (first === undefined || second === undefined) throw new Error('there are two rows');
  expect(complete({ ...draft, types: [first, { ...second, type: 'b' }] })).toBeNull();
  expect(complete({ ...draft, types: [first, { ...second, type: 'b', days: 7 }] })?.event_types).toHaveLength(2);
  expect(complete({ ...draft, default: 0, types: [first] })).toBeNull();
});
