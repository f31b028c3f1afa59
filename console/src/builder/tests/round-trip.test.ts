import { describe, expect, test } from 'vitest';
import { readDraft, writeDraft } from '../model/drafts';
import { readJson, sameJson, writeJson } from '../model/json';
import { missingFields, TYPES, typeOf } from '../model/language';
import { evaluable } from '../model/request';
import { placesInText } from '../model/text-places';
import { levelsOf, MAX_LEVELS, pathsOf, readTree, walk, writeTree } from '../model/tree';
import { samples, treeOf } from './samples';

const all = samples.map(({ definition }) => definition);

test('the samples have every type of condition and every form of group', () => {
  const nodes = all.flatMap((definition) => walk(treeOf(definition)).map(({ node }) => node));
  const types = new Set(nodes.filter(({ kind }) => kind === 'condition').map(({ fields }) => typeOf(fields)));
  expect(types).toEqual(new Set(TYPES));
  const groups = nodes.filter(({ kind }) => kind === 'group').map(({ fields }) => `${fields.logic} ${fields.negate}`);
  expect(new Set(groups)).toEqual(new Set(['AND undefined', 'AND true', 'OR undefined', 'OR true']));
});

describe('a definition that was read', () => {
  test('is written as it was', () => {
    for (const definition of all) expect(writeTree(treeOf(definition))).toEqual(definition);
  });

  test('is written as it was through JSON, compact and pretty', () => {
    for (const definition of all) {
      for (const pretty of [false, true]) {
        expect(readJson(writeJson(writeTree(treeOf(definition)), pretty)).value).toEqual(definition);
      }
    }
  });

  test('keeps fields and types that this console does not know', () => {
    const future = {
      logic: 'AND',
      weight: 3,
      conditions: [
        { type: 'event_count', event_type: 'a', operator: 'gte', value: 1, window: { last: '1d', shifted: true } },
        { type: 'horoscope', sign: ['leo'], where: [{ property: 'x', operator: 'resembles', value: { a: null } }] },
      ],
    } as const;
    expect(writeTree(treeOf(future))).toEqual(future);
  });

  test('keeps the ids of nodes when it is read again', () => {
    for (const definition of all) {
      const tree = treeOf(definition);
      const again = treeOf(readJson(writeJson(definition)).value, tree);
      expect([...pathsOf(again)]).toEqual([...pathsOf(tree)]);
    }
  });

  test('survives in a draft', () => {
    for (const definition of all) {
      const draft = readDraft(writeDraft({ tree: treeOf(definition), base: definition, version: 7 }));
      expect(draft?.base).toEqual(definition);
      expect(draft?.version).toBe(7);
      expect(draft && writeTree(draft.tree)).toEqual(definition);
    }
  });

  test('has nothing that is missing, so all of it is evaluated', () => {
    for (const definition of all) {
      const tree = treeOf(definition);
      expect(evaluable(tree).unfinished).toEqual([]);
      expect(evaluable(tree).definition).toEqual(definition);
      expect([...evaluable(tree).paths]).toEqual([...pathsOf(tree)]);
      expect(walk(tree).flatMap(({ node }) => (node.kind === 'condition' ? missingFields(node.fields) : []))).toEqual(
        [],
      );
      expect(levelsOf(tree)).toBeLessThanOrEqual(MAX_LEVELS);
    }
  });

  test('has the place of each node in its text form', () => {
    for (const { definition, text } of samples) {
      const places = placesInText(text);
      expect([...places.keys()].sort()).toEqual([...pathsOf(treeOf(definition)).values()].sort());
      for (const { node, path } of walk(treeOf(definition))) {
        const place = places.get(path);
        const part = text.slice(place?.start, place?.end);
        expect(part.startsWith('not ')).toBe(node.fields.negate === true);
        expect(part.endsWith('}')).toBe(node.kind === 'group');
      }
    }
  });
});

test('what is no definition is refused', () => {
  for (const value of [
    null,
    1,
    [],
    {},
    { logic: 'XOR', conditions: [] },
    { logic: 'AND' },
    { type: 'sample', percent: 1 },
  ]) {
    expect(readTree(value)).toBeNull();
  }
  expect(readTree({ logic: 'AND', conditions: [1] })).toBeNull();
});

test('a draft of another form is ignored', () => {
  for (const text of [null, '', '{', '{"format":0}', '{"format":2,"version":1,"base":{},"definition":{}}']) {
    expect(readDraft(text)).toBeNull();
  }
});

test('equal means equal in type and value', () => {
  expect(sameJson({ a: 1, b: [true] }, { b: [true], a: 1 })).toBe(true);
  for (const other of [{ a: '1' }, { a: 1n }, { a: 1, b: 1 }, { b: 1 }, [1], 1, null]) {
    expect(sameJson({ a: 1 }, other)).toBe(false);
  }
});
