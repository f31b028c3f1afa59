import { expect, test } from 'vitest';
import { guessDurations, readDuration, readInstant, writeDuration, writeInstant } from '../model/durations';
import { faultsAt, locate, locateIn, onUnchanged } from '../model/faults';
import { blank, missingFields, TYPES, withOperator } from '../model/language';
import { evaluable } from '../model/request';
import { offsetOf, placesInText } from '../model/text-places';
import { condition, group, pathsOf } from '../model/tree';
import { samples, treeOf } from './samples';

const fault = (path: string) => ({ path, code: 'required', detail: 'must be present' });

test('a fault belongs to the innermost node that its path names', () => {
  for (const { definition } of samples) {
    const tree = treeOf(definition);
    for (const [id, path] of pathsOf(tree)) {
      const { byNode } = locate(tree, [fault(path), fault(`${path}.where[0].value`)]);
      expect(byNode.get(id)?.map(({ inside }) => inside)).toEqual(['', 'where[0].value']);
    }
  }
});

test('a fault of a node that has changed since is dropped, also those of the groups around it', () => {
  const [same, old] = [condition({ type: 'sample', percent: 1 }), condition({ type: 'sample', percent: 2 })];
  const judged = group('AND', [same, old]);
  const newer = { ...judged, children: [same, { ...old, fields: { type: 'sample', percent: 3 } }] };
  const faults = locate(judged, ['definition', ...[0, 1].map((at) => `definition.conditions[${at}]`)].map(fault));
  expect([...onUnchanged(faults, judged, newer).byNode.keys()]).toEqual([same.id]);
  expect(onUnchanged(faults, judged, judged)).toBe(faults);
});

test('a fault outside of the tree is kept', () => {
  const tree = treeOf({ logic: 'AND', conditions: [] });
  expect(locate(tree, [fault('name')]).elsewhere).toEqual([fault('name')]);
  expect(locate(tree, [fault('definition.conditions[3].value')]).byNode.get(tree.id)).toHaveLength(1);
});

test('a part of a condition has the faults inside of it', () => {
  const faults = ['where[0].value', 'where[0]', 'where[01]', 'where', 'value'].map((inside) => ({
    ...fault('x'),
    inside,
  }));
  expect(faultsAt(faults, 'where[0]').map(({ inside }) => inside)).toEqual(['where[0].value', 'where[0]']);
  expect(faultsAt(faults, 'value').map(({ inside }) => inside)).toEqual(['value']);
});

test('unfinished conditions are left out, and the others keep their names', () => {
  const [open, done] = [condition(blank('event_count')), condition({ type: 'sample', percent: 1 })];
  const empty = group('OR', [condition(blank('segment'))]);
  const tree = group('AND', [open, empty, done]);
  const { definition, paths, unfinished } = evaluable(tree);
  expect(definition).toEqual({ logic: 'AND', conditions: [{ type: 'sample', percent: 1 }] });
  expect(unfinished).toEqual([open.id, empty.children[0]?.id]);
  expect(locateIn(paths, [fault('definition.conditions[0].percent')]).byNode.has(done.id)).toBe(true);
});

test('a new condition says what a person must choose', () => {
  expect(Object.fromEntries(TYPES.map((type) => [type, missingFields(blank(type))]))).toEqual({
    event_count: ['event_type'],
    event_time: ['event_type'],
    event_match: ['event_type'],
    event_sequence: ['steps[0].event_type', 'steps[1].event_type'],
    event_regularity: ['event_type'],
    event_aggregate: ['event_type', 'property', 'value'],
    user_property: ['property', 'value'],
    segment: ['segment_id'],
    sample: [],
  });
  const filter = { ...blank('event_count'), event_type: 'a', where: [{ operator: 'exists' }] };
  expect(missingFields(filter)).toEqual(['where[0].property']);
});

test('a value stays with a new operator if it fits', () => {
  expect(withOperator('in', 'a')).toEqual({ operator: 'in', value: ['a'] });
  expect(withOperator('eq', ['a', 'b'])).toEqual({ operator: 'eq', value: 'a' });
  expect(withOperator('gt', 5n)).toEqual({ operator: 'gt', value: 5n });
  expect(withOperator('gt', 'a')).toEqual({ operator: 'gt', value: undefined });
  expect(withOperator('between', 5)).toEqual({ operator: 'between', value: [5, 5] });
  expect(withOperator('exists', 5)).toEqual({ operator: 'exists', value: undefined });
  expect(withOperator('starts_with', true)).toEqual({ operator: 'starts_with', value: undefined });
  expect(withOperator('resembles', [1])).toEqual({ operator: 'resembles', value: [1] });
});

test('a duration is read from what a person types', () => {
  const guesses = (typed: string) => guessDurations(typed).map(writeDuration);
  expect(guesses('30')).toEqual(['30d', '30h', '30w', '30m', '30s']);
  expect(guesses(' 2 weeks')).toEqual(['2w']);
  expect(guesses('5M')).toEqual(['5m']);
  expect(guesses('99999d')).toEqual([]);
  expect(guesses('soon')).toEqual([]);
  expect(readDuration('30d')).toEqual({ amount: 30, unit: 'd' });
  expect([readDuration('30'), readDuration('-30d'), readDuration('30x')]).toEqual([null, null, null]);
});

test('an instant is read with its zone', () => {
  expect(readInstant('2026-01-31T09:00:00+01:00')).toBe(Date.UTC(2026, 0, 31, 8));
  expect(readInstant('2026-01-31 09:00:00.250z')).toBe(Date.UTC(2026, 0, 31, 9, 0, 0, 250));
  expect([readInstant('2026-01-31'), readInstant('-30d'), readInstant('2026-13-31T09:00:00Z')]).toEqual([
    null,
    null,
    null,
  ]);
  expect(writeInstant(Date.UTC(2026, 0, 31, 9))).toBe('2026-01-31T09:00:00.000Z');
});

test('a line and a column are an offset', () => {
  expect(offsetOf('a\nbcd', 2, 3)).toBe(4);
  expect(offsetOf('😀b', 1, 2)).toBe(2);
  expect(offsetOf('ab', 9, 9)).toBe(2);
});

test('a text that is not finished has the places of what is there', () => {
  expect([...placesInText('all of {\n count "a" gte 1\n not any of { sample 1 percent')]).toEqual([
    ['definition.conditions[0]', { start: 10, end: 25 }],
    ['definition.conditions[1].conditions[0]', { start: 40, end: 56 }],
    ['definition.conditions[1]', { start: 27, end: 56 }],
    ['definition', { start: 0, end: 56 }],
  ]);
});
