/** The part of a tree that can be evaluated: conditions with a missing field are left out. */

import type { JsonObject } from './json';
import { missingFields } from './language';
import { type GroupNode, type NodeId, pathsOf, type TreeNode, writeTree } from './tree';

export interface Evaluable {
  readonly definition: JsonObject;
  /** Where the nodes are in `definition`. */
  readonly paths: ReadonlyMap<NodeId, string>;
  /** The conditions that were left out. */
  readonly unfinished: readonly NodeId[];
}

export function evaluable(root: GroupNode): Evaluable {
  const unfinished: NodeId[] = [];
  const finished = finishedPart(root, unfinished);
  const tree = finished?.kind === 'group' ? finished : { ...root, children: [] };
  return { definition: writeTree(tree), paths: pathsOf(tree), unfinished };
}

/** Return the node without unfinished conditions; null for a group that has no others. */
function finishedPart(node: TreeNode, unfinished: NodeId[]): TreeNode | null {
  if (node.kind === 'condition') {
    if (missingFields(node.fields).length === 0) return node;
    unfinished.push(node.id);
    return null;
  }
  const parts = node.children.map((child) => finishedPart(child, unfinished));
  const children = parts.filter((part) => part !== null);
  if (children.length === 0 && node.children.length > 0) return null;
  return { ...node, children };
}
