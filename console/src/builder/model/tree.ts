/** A definition as a tree whose nodes keep their ids while it is edited. */

import { isList, isObject, type Json, type JsonObject, sameJson } from './json';

export type NodeId = string;
export type Logic = 'AND' | 'OR';

/** A condition. `fields` is the condition as JSON: fields that this console does not know stay in it. */
export interface ConditionNode {
  readonly kind: 'condition';
  readonly id: NodeId;
  readonly fields: JsonObject;
}

/** A group. `fields` is the group as JSON, without its conditions. */
export interface GroupNode {
  readonly kind: 'group';
  readonly id: NodeId;
  readonly fields: JsonObject;
  readonly children: readonly TreeNode[];
}

export type TreeNode = ConditionNode | GroupNode;

/** The limits of a definition. */
export const MAX_LEVELS = 8;
export const MAX_CONDITIONS = 200;

let created = 0;

/** Return an id that no node of this page has. */
export function newId(): NodeId {
  created += 1;
  return `n${created}`;
}

export function condition(fields: JsonObject): ConditionNode {
  return { kind: 'condition', id: newId(), fields };
}

export function group(logic: Logic, children: readonly TreeNode[] = [], negate = false): GroupNode {
  return { kind: 'group', id: newId(), fields: negate ? { logic, negate } : { logic }, children };
}

/**
 * Return the tree of a definition; null if it is not a group of objects.
 * A node at the same place and of the same type as in `before` keeps its id.
 */
export function readTree(definition: Json, before?: GroupNode): GroupNode | null {
  const node = readNode(definition, before);
  return node?.kind === 'group' ? node : null;
}

function readNode(value: Json | undefined, before?: TreeNode): TreeNode | null {
  if (!isObject(value)) return null;
  if (Object.hasOwn(value, 'type')) return readCondition(value, before);
  const { conditions, ...fields } = value;
  if (!isList(conditions) || (fields.logic !== 'AND' && fields.logic !== 'OR')) return null;
  const old = before?.kind === 'group' ? before : undefined;
  const children = readChildren(conditions, old?.children ?? []);
  if (children === null) return null;
  return { kind: 'group', id: old?.id ?? newId(), fields, children };
}

function readCondition(fields: JsonObject, before?: TreeNode): ConditionNode {
  const isSame = before?.kind === 'condition' && before.fields.type === fields.type;
  if (isSame && sameJson(before.fields, fields)) return before;
  return { kind: 'condition', id: isSame ? before.id : newId(), fields };
}

function readChildren(values: readonly Json[], before: readonly TreeNode[]): TreeNode[] | null {
  const partners = pair(values, before);
  const children = values.map((value, index) => readNode(value, partners[index]));
  return children.every((child) => child !== null) ? children : null;
}

/** Return the old node of each value: an equal one if there is one, else the one at its place. */
function pair(values: readonly Json[], before: readonly TreeNode[]): (TreeNode | undefined)[] {
  const free = new Set(before);
  const take = (node: TreeNode | undefined): TreeNode | undefined =>
    node !== undefined && free.delete(node) ? node : undefined;
  const equal = values.map((value) => take([...free].find((node) => sameJson(writeTree(node), value))));
  return equal.map((node, index) => node ?? take(before[index]));
}

/** Return the definition of a tree. */
export function writeTree(node: TreeNode): JsonObject {
  if (node.kind === 'condition') return node.fields;
  const { logic, ...rest } = node.fields;
  return { logic: logic ?? 'AND', conditions: node.children.map(writeTree), ...rest };
}

/** Return the path of each node, such as `definition.conditions[0]`. */
export function pathsOf(root: TreeNode): ReadonlyMap<NodeId, string> {
  return new Map(walk(root).map(({ node, path }) => [node.id, path]));
}

export interface Visit {
  readonly node: TreeNode;
  readonly path: string;
  /** 1 for the outermost group. */
  readonly level: number;
  readonly parent: GroupNode | null;
}

/** Return every node in the order in which rows show them. */
export function walk(node: TreeNode, path = 'definition', level = 1, parent: GroupNode | null = null): Visit[] {
  const inner =
    node.kind === 'group'
      ? node.children.flatMap((child, index) => walk(child, `${path}.conditions[${index}]`, level + 1, node))
      : [];
  return [{ node, path, level, parent }, ...inner];
}

export function find(root: GroupNode, id: NodeId): Visit | undefined {
  return walk(root).find(({ node }) => node.id === id);
}

export function isNegated(node: TreeNode): boolean {
  return node.fields.negate === true;
}

export function logicOf(node: GroupNode): Logic {
  return node.fields.logic === 'OR' ? 'OR' : 'AND';
}

/** Return how many levels of groups a node has. */
export function levelsOf(node: TreeNode): number {
  return node.kind === 'condition' ? 0 : 1 + Math.max(0, ...node.children.map(levelsOf));
}

export function countConditions(node: TreeNode): number {
  return node.kind === 'condition' ? 1 : node.children.reduce((sum, child) => sum + countConditions(child), 0);
}
