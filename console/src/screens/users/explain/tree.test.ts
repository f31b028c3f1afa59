import { describe, expect, it } from 'vitest';
import type { Group } from '@/api/types';
import { evidenceWords, groupWords, nodeAt, phraseOf } from './tree';

const sample = { type: 'sample', percent: 10 } as const;
const referenced = { type: 'segment', segment_id: 7 } as const;
const definition: Group = {
  logic: 'AND',
  conditions: [sample, { logic: 'OR', negate: true, conditions: [sample, referenced] }],
};

describe('nodeAt', () => {
  it.each([
    ['definition', definition],
    ['definition.conditions[0]', sample],
    ['definition.conditions[1].conditions[1]', referenced],
    ['definition.conditions[3].definition.conditions[1].conditions[1]', referenced],
    ['definition.conditions[5]', undefined],
    ['definition.conditions[0].conditions[0]', undefined],
  ])('finds %s', (path, node) => {
    expect(nodeAt(definition, path)).toEqual(node);
  });
});

it('cuts a sentence down to what a condition says', () => {
  expect(phraseOf('Users who did "purchase" at least twice.')).toBe('Did "purchase" at least twice');
});

it('names what a group asks of its conditions', () => {
  const words = [false, true].flatMap((negate) =>
    (['AND', 'OR'] as const).map((logic) => groupWords({ logic, negate })),
  );
  expect(words).toEqual(['all', 'any', 'notAll', 'none']);
});

describe('evidenceWords', () => {
  it('says that a number must reach another', () => {
    expect(evidenceWords({ evidence: '1204 of 3', value: 1204, target: 3 })).toBe('1,204, needs at least 3');
  });

  it('names what else is asked', () => {
    expect(evidenceWords({ evidence: '0 (target: exactly 0)', value: 0, target: 0 })).toBe('0, needs exactly 0');
  });

  it('keeps other words', () => {
    expect(evidenceWords({ evidence: 'never', value: null, target: null })).toBe('never');
  });
});
