/** Definitions to test on: generated ones from the file that SEGOPS_DEFINITIONS names, else one of each condition type. */

import { readFileSync } from 'node:fs';
import { isList, isObject, type Json, type JsonObject, readJson } from '../model/json';
import { type GroupNode, readTree } from '../model/tree';

/** A definition, and its text form as the language writes it. */
export interface Sample {
  readonly definition: JsonObject;
  readonly text: string;
}

const file = process.env.SEGOPS_DEFINITIONS ?? new URL('./definitions.json', import.meta.url);

export const samples: readonly Sample[] = read(readJson(readFileSync(file, 'utf8')).value);

function read(value: Json): Sample[] {
  if (!isList(value)) throw new TypeError('The file of definitions must have a list.');
  return value.map((sample) => {
    if (!isObject(sample) || !isObject(sample.definition) || typeof sample.text !== 'string') {
      throw new TypeError('A sample must have a definition and its text.');
    }
    return { definition: sample.definition, text: sample.text };
  });
}

export function treeOf(definition: Json, before?: GroupNode): GroupNode {
  const tree = readTree(definition, before);
  if (tree === null) throw new TypeError('This is no definition.');
  return tree;
}

/** A small random number generator with a seed: a failure can be repeated. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
