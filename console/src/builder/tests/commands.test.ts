import { describe, expect, test } from 'vitest';
import * as commands from '../model/commands';
import { begin, record, redo, undo } from '../model/history';
import {
  condition,
  countConditions,
  find,
  type GroupNode,
  group,
  levelsOf,
  MAX_LEVELS,
  type NodeId,
  type TreeNode,
  walk,
  writeTree,
} from '../model/tree';
import { randomOf, samples, treeOf } from './samples';

/** A tree drawn in one line: `all(a any(b c))`; `!` negates. */
function drawn(node: TreeNode): string {
  const sign = node.fields.negate === true ? '!' : '';
  if (node.kind === 'condition') return `${sign}${String(node.fields.seed)}`;
  return `${sign}${node.fields.logic === 'OR' ? 'any' : 'all'}(${node.children.map(drawn).join(' ')})`;
}

const leaf = (seed: string) => condition({ type: 'sample', percent: 1, seed });

/** The tree `all(a b any(c d) e)`. */
function small() {
  const [a, b, c, d, e] = ['a', 'b', 'c', 'd', 'e'].map(leaf) as [TreeNode, TreeNode, TreeNode, TreeNode, TreeNode];
  const inner = group('OR', [c, d]);
  return { root: group('AND', [a, b, inner, e]), a: a.id, b: b.id, c: c.id, d: d.id, e: e.id, inner: inner.id };
}

describe('moving', () => {
  test('a row moves among its siblings, and out of its group at the ends', () => {
    const { root, a, b, c, d } = small();
    expect(drawn(commands.shift(root, a, 1))).toBe('all(b a any(c d) e)');
    expect(drawn(commands.shift(root, b, 1))).toBe('all(a any(c d) b e)');
    expect(drawn(commands.shift(root, a, -1))).toBe('all(a b any(c d) e)');
    expect(drawn(commands.shift(root, d, 1))).toBe('all(a b any(c) d e)');
    expect(drawn(commands.shift(root, c, -1))).toBe('all(a b c any(d) e)');
  });

  test('a row goes into the group below, the group above, or a new one', () => {
    const { root, a, b, e } = small();
    expect(drawn(commands.indent(root, b))).toBe('all(a any(b c d) e)');
    expect(drawn(commands.indent(root, e))).toBe('all(a b any(c d e))');
    expect(drawn(commands.indent(root, a))).toBe('all(any(a) b any(c d) e)');
  });

  test('a row goes out of its group, and an empty group goes away', () => {
    const { root, c, d } = small();
    const without = commands.outdent(root, c);
    expect(drawn(without)).toBe('all(a b c any(d) e)');
    expect(drawn(commands.outdent(without, d))).toBe('all(a b c d e)');
  });

  test('a row is dropped at a place', () => {
    const { root, a, e, inner } = small();
    expect(drawn(commands.move(root, a, root.id, 2))).toBe('all(b a any(c d) e)');
    expect(drawn(commands.move(root, a, root.id, 4))).toBe('all(b any(c d) e a)');
    expect(drawn(commands.move(root, e, inner, 1))).toBe('all(a b any(c e d))');
    expect(commands.move(root, a, root.id, 0)).toBe(root);
    expect(commands.move(root, a, root.id, 1)).toBe(root);
  });

  test('a group does not go into itself', () => {
    const { root, inner } = small();
    expect(commands.move(root, inner, inner, 0)).toBe(root);
    expect(commands.move(root, root.id, inner, 0)).toBe(root);
  });

  test('no edit makes a ninth level', () => {
    let root = group('AND', [leaf('a')]);
    const id = root.children[0]?.id ?? '';
    for (let step = 0; step < 20; step += 1) root = commands.indent(root, id);
    expect(levelsOf(root)).toBe(MAX_LEVELS);
    const deep = find(root, id)?.parent?.id ?? '';
    expect(commands.insert(root, deep, 0, group('OR'))).toBe(root);
  });
});

describe('editing', () => {
  test('a row is added, copied, negated and removed', () => {
    const { root, a, c, d, inner } = small();
    expect(drawn(commands.insert(root, inner, 1, leaf('x')))).toBe('all(a b any(c x d) e)');
    expect(drawn(commands.duplicate(root, a))).toBe('all(a a b any(c d) e)');
    expect(drawn(commands.duplicate(root, inner))).toBe('all(a b any(c d) any(c d) e)');
    expect(drawn(commands.toggleNegation(root, inner))).toBe('all(a b !any(c d) e)');
    expect(commands.toggleNegation(commands.toggleNegation(root, a), a)).toEqual(root);
    expect(drawn(commands.remove(commands.remove(root, c), d))).toBe('all(a b e)');
    expect(drawn(commands.remove(root, root.id))).toBe(drawn(root));
  });

  test('a copy has ids of its own', () => {
    const { root, inner } = small();
    const ids = walk(commands.duplicate(root, inner)).map(({ node }) => node.id);
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('a group changes its logic, and gives its rows to the group around it', () => {
    const { root, inner } = small();
    expect(drawn(commands.setLogic(root, inner, 'OR', true))).toBe('all(a b !any(c d) e)');
    expect(drawn(commands.setLogic(root, inner, 'AND', false))).toBe('all(a b all(c d) e)');
    expect(drawn(commands.ungroup(root, inner))).toBe('all(a b c d e)');
    const negated = commands.toggleNegation(root, inner);
    expect(commands.ungroup(negated, inner)).toBe(negated);
  });

  test('a field is set and removed, and others stay', () => {
    const { root, a } = small();
    const set = commands.setFields(root, a, { percent: 5, seed: undefined });
    expect(find(set, a)?.node.fields).toEqual({ type: 'sample', percent: 5 });
  });

  test('rows that were not touched stay the same objects', () => {
    const { root, a, inner } = small();
    const changed = commands.setFields(root, a, { percent: 5 });
    expect(find(changed, inner)?.node).toBe(find(root, inner)?.node);
  });
});

describe('undo', () => {
  test('goes back through every state and forward again, whatever the edits were', () => {
    const random = randomOf(20_261_129);
    for (const { definition } of samples.slice(0, 100)) {
      let history = begin(treeOf(definition));
      const states = [history.present];
      for (let step = 0; step < 12; step += 1) {
        history = record(history, edited(history.present, random));
        if (history.present !== states.at(-1)) states.push(history.present);
      }
      for (const state of states.toReversed()) {
        expect(history.present).toBe(state);
        history = undo(history);
      }
      for (const state of states) {
        expect(history.present).toBe(state);
        history = redo(history);
      }
    }
  });

  test('takes letters of one field together', () => {
    let history = begin('');
    for (const text of ['p', 'pr', 'pro']) history = record(history, text, 'n1.value');
    history = record(history, 'pro!', 'n2.value');
    expect(undo(history).present).toBe('pro');
    expect(undo(undo(history)).present).toBe('');
    expect(redo(undo(undo(history))).present).toBe('pro');
  });

  test('an edit after an undo ends what could be redone', () => {
    const history = record(undo(record(begin(1), 2)), 3);
    expect(redo(history).present).toBe(3);
  });
});

type Edit = (root: GroupNode, id: NodeId) => GroupNode;
const MOVES: readonly Edit[] = [
  (root, id) => commands.shift(root, id, 1),
  (root, id) => commands.shift(root, id, -1),
  commands.indent,
  commands.outdent,
  commands.toggleNegation,
];
const EDITS: readonly Edit[] = [...MOVES, commands.duplicate, commands.ungroup, commands.remove];

function edited(root: GroupNode, random: (below: number) => number, edits = EDITS): GroupNode {
  const nodes = walk(root);
  const { node } = nodes[random(nodes.length)] ?? { node: root };
  return edits[random(edits.length)]?.(root, node.id) ?? root;
}

test('moving and negating lose and double no condition', () => {
  const random = randomOf(7);
  for (const { definition } of samples) {
    let root = treeOf(definition);
    const before = conditionsOf(root);
    for (let step = 0; step < 20; step += 1) root = edited(root, random, MOVES);
    expect(conditionsOf(root)).toEqual(before);
    expect(levelsOf(root)).toBeLessThanOrEqual(MAX_LEVELS);
    expect(countConditions(treeOf(writeTree(root)))).toBe(before.length);
  }
});

function conditionsOf(root: GroupNode): NodeId[] {
  return walk(root)
    .filter(({ node }) => node.kind === 'condition')
    .map(({ node }) => node.id)
    .sort();
}
