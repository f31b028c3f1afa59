/** Finds the nodes that errors, warnings and counts of the API are about. */

import { type GroupNode, type NodeId, pathsOf, walk } from './tree';

export interface Fault {
  /** The place, such as `definition.conditions[2].where[0].value`. */
  readonly path: string;
  readonly code: string;
  readonly detail: string;
}

/** A fault at a node. `inside` is the rest of its path, such as `where[0].value`; empty for the node as a whole. */
export interface NodeFault extends Fault {
  readonly inside: string;
}

export interface LocatedFaults {
  readonly byNode: ReadonlyMap<NodeId, readonly NodeFault[]>;
  /** Faults that are about no node of the tree. */
  readonly elsewhere: readonly Fault[];
}

export const NO_FAULTS: LocatedFaults = { byNode: new Map(), elsewhere: [] };

/** Give each fault to the innermost node that its path names. */
export function locate(root: GroupNode, faults: readonly Fault[]): LocatedFaults {
  return locateIn(pathsOf(root), faults);
}

/** The same by the paths that the nodes had in a request. */
export function locateIn(paths: ReadonlyMap<NodeId, string>, faults: readonly Fault[]): LocatedFaults {
  const nodes = new Map([...paths].map(([id, path]) => [path, id]));
  const byNode = new Map<NodeId, NodeFault[]>();
  const elsewhere: Fault[] = [];
  for (const fault of faults) {
    const path = ancestors(fault.path).find((part) => nodes.has(part));
    const id = path === undefined ? undefined : nodes.get(path);
    if (path === undefined || id === undefined) elsewhere.push(fault);
    else
      byNode.set(id, [
        ...(byNode.get(id) ?? []),
        { ...fault, inside: fault.path.slice(path.length).replace(/^\./, '') },
      ]);
  }
  return { byNode, elsewhere };
}

/** Keep the faults of nodes that are the same in a newer tree. What has changed since is judged anew. */
export function onUnchanged(faults: LocatedFaults, judged: GroupNode, newer: GroupNode): LocatedFaults {
  if (judged === newer) return faults;
  const present = new Set(walk(newer).map(({ node }) => node));
  const same = new Set(walk(judged).flatMap(({ node }) => (present.has(node) ? [node.id] : [])));
  return { ...faults, byNode: new Map([...faults.byNode].filter(([id]) => same.has(id))) };
}

/** Return the path and the paths that contain it, the longest first. */
export function ancestors(path: string): string[] {
  const ends = [...path.matchAll(/[.[]/g)].map((match) => match.index);
  return [path, ...ends.reverse().map((end) => path.slice(0, end))];
}

/** Return the faults of a part of a node, such as `where[0]`; those of parts of it included. */
export function faultsAt(faults: readonly NodeFault[], part: string): readonly NodeFault[] {
  return faults.filter(
    ({ inside }) => inside === part || inside.startsWith(`${part}.`) || inside.startsWith(`${part}[`),
  );
}
