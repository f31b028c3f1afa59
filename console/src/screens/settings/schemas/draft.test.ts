import { expect, it } from 'vitest';
import { draftOf, numbered, sentRules, withRule } from './draft';

it('a new schema only warns and has room for one property', () => {
  const draft = draftOf(null);
  expect([draft.mode, draft.rules.length]).toEqual(['warn', 1]);
  expect(sentRules(draft.rules)).toEqual([]);
});

it('properties keep their keys while others come and go', () => {
  const rules = withRule(numbered([{ name: ' total ', type: 'number', required: true }]));
  const again = withRule(rules.filter(({ key }) => key !== 0));
  expect(again.map(({ key }) => key)).toEqual([1, 2]);
  expect(sentRules(rules)).toEqual([{ name: 'total', type: 'number', required: true }]);
});
