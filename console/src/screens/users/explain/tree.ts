/** Which part of a definition a node of an explanation is about. */

import type { ExplainedRead, Group, Node } from '@/api/types';
import { count } from '@/components/format';
import { users as strings } from '@/strings/users';

function isGroup(node: Node | Group | undefined): node is Group {
  return node !== undefined && 'conditions' in node;
}

/**
 * Return the node of a definition at a path such as `definition.conditions[1].conditions[0]`. The path may begin with
 * that of a referenced segment: what comes after the last `definition` counts.
 */
export function nodeAt(definition: Group, path: string): Node | undefined {
  const own = path.slice(path.lastIndexOf('definition') + 'definition'.length);
  let node: Node | undefined = definition;
  for (const [, index] of own.matchAll(/\.conditions\[(\d+)\]/g)) {
    node = isGroup(node) ? node.conditions[Number(index)] : undefined;
  }
  return node;
}

/** `Users who did "a" at least once.` → `Did "a" at least once`. */
export function phraseOf(sentence: string): string {
  const phrase = sentence.replace(/^Users\s+(who\s+)?/, '').replace(/\.$/, '');
  return phrase.charAt(0).toUpperCase() + phrase.slice(1);
}

/** Write what decided: `6, needs at least 1`. */
export function evidenceWords({
  evidence,
  value,
  target,
}: Pick<ExplainedRead, 'evidence' | 'value' | 'target'>): string {
  const reaches = typeof value === 'number' && typeof target === 'number' && evidence === `${value} of ${target}`;
  if (reaches) return strings.explain.needsAtLeast(count(value), count(target));
  const [, found, asked] = /^(.*) \(target: (.*)\)$/.exec(evidence) ?? [];
  return found === undefined || asked === undefined ? evidence : strings.explain.needsValue(found, asked);
}

export type GroupWords = 'all' | 'any' | 'notAll' | 'none';

/** Name what a group asks of its conditions. */
export function groupWords({ logic, negate }: Pick<ExplainedRead, 'logic' | 'negate'>): GroupWords {
  if (logic === 'OR') return negate ? 'none' : 'any';
  return negate ? 'notAll' : 'all';
}
