import { describe, expect, test } from 'vitest';
import { isList, isObject, type Json, JsonSyntaxError, readJson, writeJson } from '../model/json';
import { samples } from './samples';

describe('numbers', () => {
  test.each([
    ['9007199254740993', 9007199254740993n],
    ['-9223372036854775808', -9223372036854775808n],
    ['1e+17', 1e17],
    ['-0', -0],
    ['0.1', 0.1],
    ['1.5e-7', 1.5e-7],
  ])('%s is kept', (text, value) => {
    expect(readJson(text).value).toBe(value);
    expect(writeJson(readJson(text).value)).toBe(text);
  });
});

test('every value is where its place says', () => {
  for (const { definition } of samples) {
    const text = writeJson(definition, true);
    const { places } = readJson(text);
    for (const [path, value] of valuesIn(definition, 'definition')) {
      const place = places.get(path);
      expect(readJson(text.slice(place?.start, place?.end)).value).toEqual(value);
    }
  }
});

function valuesIn(value: Json, path: string): [string, Json][] {
  const inner = isList(value)
    ? value.flatMap((item, index) => valuesIn(item, `${path}[${index}]`))
    : isObject(value)
      ? Object.entries(value).flatMap(([name, item]) => valuesIn(item, `${path}.${name}`))
      : [];
  return [[path, value], ...inner];
}

test('a field may have any name', () => {
  const text = '{"__proto__":{"a":1},"constructor":2}';
  expect(writeJson(readJson(text).value)).toBe(text);
});

test('what is no JSON is refused at its place', () => {
  const refused: [string, string, number][] = [
    ['', 'value', 0],
    ['{"a": 1,}', 'name', 8],
    ['{"a" 1}', 'colon', 5],
    ['[1 2]', 'comma', 3],
    ['[1, 02]', 'comma', 5],
    ['"a', 'string', 0],
    ['{"a": "\\x"}', 'string', 6],
    ['1e999', 'number', 0],
    ['[] x', 'end', 3],
    ['{"a": 1, "a": 2}', 'repeated', 9],
    [' tru', 'value', 1],
    ['['.repeat(70), 'depth', 65],
  ];
  for (const [text, reason, offset] of refused) {
    expect(syntaxError(text), text).toEqual({ reason, offset });
  }
});

function syntaxError(text: string) {
  try {
    readJson(text);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { reason: error.reason, offset: error.offset };
  }
  throw new Error(`This was read: ${text}`);
}

test('a text is read as the browser reads it', () => {
  for (const { definition } of samples) {
    const read = readJson(JSON.stringify(JSON.parse(writeJson(definition)), null, 3)).value;
    expect(JSON.stringify(JSON.parse(writeJson(read, true)))).toBe(JSON.stringify(JSON.parse(writeJson(definition))));
  }
});

test('a text that was cut is refused at its end or before', () => {
  for (const { definition } of samples.slice(0, 20)) {
    const text = writeJson(definition);
    for (let end = 1; end < text.length; end += 5) {
      const offset = syntaxError(text.slice(0, end)).offset;
      expect(offset).toBeLessThanOrEqual(end);
    }
  }
});

test('short values stay on one line', () => {
  const condition = { type: 'sample', percent: 5 };
  expect(
    writeJson({ logic: 'AND', conditions: [condition, { ...condition, seed: 'a seed that is long enough' }] }, true),
  ).toBe(
    [
      '{',
      '  "logic": "AND",',
      '  "conditions": [',
      '    {"type": "sample", "percent": 5},',
      '    {"type": "sample", "percent": 5, "seed": "a seed that is long enough"}',
      '  ]',
      '}',
    ].join('\n'),
  );
});
