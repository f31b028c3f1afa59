/** Edits of a tree. Each returns a new tree, or the same one if the edit is not possible. */

import type { Json, JsonObject } from './json';
import {
  find,
  type GroupNode,
  group,
  isNegated,
  type Logic,
  levelsOf,
  MAX_LEVELS,
  type NodeId,
  newId,
  type TreeNode,
} from './tree';

type Direction = -1 | 1;

/** Put a node into a group, before the child at `index`. */
export function insert(root: GroupNode, groupId: NodeId, index: number, node: TreeNode): GroupNode {
  return withinLimits(
    root,
    changeGroup(root, groupId, (at) => inserted(at.children, index, node)),
  );
}

/** Remove a node, and the groups that become empty by it. */
export function remove(root: GroupNode, id: NodeId): GroupNode {
  const parent = find(root, id)?.parent;
  if (!parent) return root;
  if (parent.children.length === 1 && parent.id !== root.id) return remove(root, parent.id);
  return changeGroup(root, parent.id, (at) => at.children.filter((child) => child.id !== id));
}

/** Set fields of a node; a field that is undefined is removed. */
export function setFields(root: GroupNode, id: NodeId, changes: Readonly<Record<string, Json | undefined>>): GroupNode {
  return replace(root, id, (node) => ({ ...node, fields: merged(node.fields, changes) }));
}

export function merged(fields: JsonObject, changes: Readonly<Record<string, Json | undefined>>): JsonObject {
  const all = Object.entries({ ...fields, ...changes });
  return Object.fromEntries(all.filter((field): field is [string, Json] => field[1] !== undefined));
}

/** Replace the fields of a condition, for example by those of another type. */
export function setCondition(root: GroupNode, id: NodeId, fields: JsonObject): GroupNode {
  return replace(root, id, (node) => (node.kind === 'condition' ? { ...node, fields } : node));
}

export function toggleNegation(root: GroupNode, id: NodeId): GroupNode {
  return replace(root, id, (node) => ({
    ...node,
    fields: merged(node.fields, { negate: isNegated(node) ? undefined : true }),
  }));
}

export function setLogic(root: GroupNode, id: NodeId, logic: Logic, negate: boolean): GroupNode {
  return setFields(root, id, { logic, negate: negate || undefined });
}

/** Move a node into a group, before the child that is at `index` now. */
export function move(root: GroupNode, id: NodeId, groupId: NodeId, index: number): GroupNode {
  const from = find(root, id);
  const target = find(root, groupId)?.node;
  if (!from?.parent || target?.kind !== 'group' || find(from.node as GroupNode, groupId)) return root;
  const old = from.parent.children.indexOf(from.node);
  const isSame = from.parent.id === groupId;
  if (isSame && (index === old || index === old + 1)) return root;
  const at = isSame && index > old ? index - 1 : index;
  return moved(root, id, (rest) => changeGroup(rest, groupId, (place) => inserted(place.children, at, from.node)));
}

/** Move a node by one among its siblings; beyond the first or last, out of its group. */
export function shift(root: GroupNode, id: NodeId, direction: Direction): GroupNode {
  const parent = find(root, id)?.parent;
  if (!parent) return root;
  const index = parent.children.findIndex((child) => child.id === id);
  const next = index + direction;
  if (next < 0 || next >= parent.children.length) return outdent(root, id, direction);
  return move(root, id, parent.id, direction === 1 ? next + 1 : next);
}

/** Move a node into a group next to it, the one below first; without one, into a new group of its own. */
export function indent(root: GroupNode, id: NodeId): GroupNode {
  const parent = find(root, id)?.parent;
  if (!parent) return root;
  const index = parent.children.findIndex((child) => child.id === id);
  const [above, below] = [parent.children[index - 1], parent.children[index + 1]];
  if (below?.kind === 'group') return move(root, id, below.id, 0);
  if (above?.kind === 'group') return move(root, id, above.id, above.children.length);
  const other: Logic = parent.fields.logic === 'OR' ? 'AND' : 'OR';
  return withinLimits(
    root,
    replace(root, id, (node) => group(other, [node])),
  );
}

/** Move a node out of its group, to the place before or after the group. */
export function outdent(root: GroupNode, id: NodeId, direction: Direction = -1): GroupNode {
  const parent = find(root, id)?.parent;
  const outer = parent && find(root, parent.id)?.parent;
  if (!outer) return root;
  const index = outer.children.findIndex((child) => child.id === parent.id);
  return move(root, id, outer.id, direction === 1 ? index + 1 : index);
}

/** Put the children of a group in its place. A negated group stays. */
export function ungroup(root: GroupNode, id: NodeId): GroupNode {
  const visit = find(root, id);
  if (!visit?.parent || visit.node.kind !== 'group' || isNegated(visit.node)) return root;
  const { children } = visit.node;
  return changeGroup(root, visit.parent.id, (at) =>
    at.children.flatMap((child) => (child.id === id ? children : [child])),
  );
}

/** Put a copy of a node after it. */
export function duplicate(root: GroupNode, id: NodeId): GroupNode {
  const visit = find(root, id);
  if (!visit?.parent) return root;
  const index = visit.parent.children.indexOf(visit.node);
  return insert(root, visit.parent.id, index + 1, copy(visit.node));
}

function copy(node: TreeNode): TreeNode {
  return node.kind === 'condition'
    ? { ...node, id: newId() }
    : { ...node, id: newId(), children: node.children.map(copy) };
}

/** Remove the node, put it elsewhere, and remove the groups that it left empty. */
function moved(root: GroupNode, id: NodeId, put: (rest: GroupNode) => GroupNode): GroupNode {
  const parent = find(root, id)?.parent;
  if (!parent) return root;
  const rest = changeGroup(root, parent.id, (at) => at.children.filter((child) => child.id !== id));
  const result = put(rest);
  const left = find(result, parent.id)?.node;
  const isEmpty = left?.kind === 'group' && left.children.length === 0 && left.id !== root.id;
  return withinLimits(root, isEmpty ? remove(result, parent.id) : result);
}

function inserted(nodes: readonly TreeNode[], index: number, node: TreeNode): TreeNode[] {
  return [...nodes.slice(0, index), node, ...nodes.slice(index)];
}

function withinLimits(before: GroupNode, after: GroupNode): GroupNode {
  return levelsOf(after) > MAX_LEVELS ? before : after;
}

function changeGroup(root: GroupNode, id: NodeId, change: (at: GroupNode) => readonly TreeNode[]): GroupNode {
  return replace(root, id, (node) => (node.kind === 'group' ? { ...node, children: change(node) } : node));
}

function replace(root: GroupNode, id: NodeId, change: (node: TreeNode) => TreeNode): GroupNode {
  const result = replaceIn(root, id, change);
  return result.kind === 'group' ? result : root;
}

/** Return the tree with one node changed. Nodes off the path to it stay the same objects, so their rows do not render. */
function replaceIn(node: TreeNode, id: NodeId, change: (node: TreeNode) => TreeNode): TreeNode {
  if (node.id === id) return change(node);
  if (node.kind === 'condition') return node;
  const children = node.children.map((child) => replaceIn(child, id, change));
  return children.some((child, index) => child !== node.children[index]) ? { ...node, children } : node;
}
