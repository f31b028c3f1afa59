import { builder as words } from '@/strings/builder';
import * as commands from '../model/commands';
import { find, type GroupNode, isNegated, type NodeId } from '../model/tree';
import type { Rows } from './context';
import type { FocusRequest } from './useEditor';

/** What can be done with a row, from its menu or by keys. */
export interface Action {
  readonly name: string;
  readonly keys?: string;
  readonly run: () => void;
}

type ActionName = 'up' | 'down' | 'indent' | 'outdent' | 'negate' | 'duplicate' | 'ungroup' | 'remove';
type Edit = (tree: GroupNode, id: NodeId) => GroupNode;

const EDITS: Readonly<Record<ActionName, Edit>> = {
  up: (tree, id) => commands.shift(tree, id, -1),
  down: (tree, id) => commands.shift(tree, id, 1),
  indent: commands.indent,
  outdent: (tree, id) => commands.outdent(tree, id),
  negate: commands.toggleNegation,
  duplicate: commands.duplicate,
  ungroup: commands.ungroup,
  remove: commands.remove,
};

/** Do something with a row. `word` is the number of the word that has the focus, to keep it there. */
export function act({ editor, say }: Rows, name: ActionName, id: NodeId, word = 0): void {
  const change = (tree: GroupNode) => EDITS[name](tree, id);
  if (change(editor.tree) === editor.tree) return;
  editor.edit(change, null, name === 'remove' || name === 'ungroup' ? neighbour(editor.tree, id) : { id, word });
  say(words.said[name]);
}

/** Return the row that has the focus after a row was removed: the one below, above, or around it. */
function neighbour(tree: GroupNode, id: NodeId): FocusRequest {
  const parent = find(tree, id)?.parent;
  const index = parent?.children.findIndex((child) => child.id === id) ?? 0;
  const next = parent?.children[index + 1] ?? parent?.children[index - 1] ?? parent ?? tree;
  return { id: next.id, word: 0 };
}

/** Return what can be done with a row now. */
export function actionsFor(rows: Rows, id: NodeId): Action[] {
  const visit = find(rows.editor.tree, id);
  if (!visit?.parent) return [];
  const { node, parent, level } = visit;
  const names: ActionName[] = [
    'up',
    'down',
    'indent',
    ...(level > 2 || parent.id !== rows.editor.tree.id ? (['outdent'] as const) : []),
    'negate',
    'duplicate',
    ...(node.kind === 'group' && !isNegated(node) ? (['ungroup'] as const) : []),
    'remove',
  ];
  return names.map((name): Action => {
    const keys = name in words.keys ? words.keys[name as keyof typeof words.keys] : undefined;
    const label = name === 'negate' && isNegated(node) ? words.row.affirm : words.row[name];
    return { name: label, run: () => act(rows, name, id), ...(keys === undefined ? {} : { keys }) };
  });
}
