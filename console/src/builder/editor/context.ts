import { createContext, useContext } from 'react';
import type { Share } from '../data/usePreview';

import { merged, setFields } from '../model/commands';
import type { NodeFault } from '../model/faults';
import type { Json, JsonObject } from '../model/json';
import type { NodeId } from '../model/tree';
import type { Editor } from './useEditor';

/** What every row of the builder needs. */
export interface Rows {
  readonly tenant: number;
  readonly segmentId: number | null;
  readonly editor: Editor;
  readonly readOnly: boolean;
  readonly shares: ReadonlyMap<NodeId, Share>;
  /** The shares are about an earlier state of the rules. */
  readonly sharesAreOld: boolean;
  readonly unfinished: ReadonlySet<NodeId>;
  readonly errors: ReadonlyMap<NodeId, readonly NodeFault[]>;
  readonly warnings: ReadonlyMap<NodeId, readonly NodeFault[]>;
  /** Mark what is missing: someone has tried to save. */
  readonly showMissing: boolean;
  readonly say: (message: string) => void;
}

export const RowsContext = createContext<Rows | null>(null);

export function useRows(): Rows {
  const rows = useContext(RowsContext);
  if (rows === null) throw new Error('A row must be inside of the rule editor.');
  return rows;
}

export type Changes = Readonly<Record<string, Json | undefined>>;

/** Fields that words show and change: those of a condition, of a step or of a filter. */
export interface Fields {
  readonly node: NodeId;
  /** Where they are in the condition, such as `where[0]`; empty for the condition itself. */
  readonly at: string;
  readonly fields: JsonObject;
  readonly change: (changes: Changes, tag?: string) => void;
}

/** Return the fields of an item of a list inside of others, such as a filter. */
export function itemOf(outer: Fields, list: string, index: number, items: readonly Json[]): Fields {
  const fields = (items[index] ?? {}) as JsonObject;
  return {
    node: outer.node,
    at: `${inside(outer.at, list)}[${index}]`,
    fields,
    change: (changes, tag) =>
      outer.change(
        { [list]: items.map((item, place) => (place === index ? merged(fields, changes) : item)) },
        tag && `${list}${index}${tag}`,
      ),
  };
}

/** Return the fields of an object inside of others, such as a window. */
export function partOf(outer: Fields, name: string, fields: JsonObject): Fields {
  return {
    node: outer.node,
    at: inside(outer.at, name),
    fields,
    change: (changes, tag) => outer.change({ [name]: merged(fields, changes) }, tag && `${name}.${tag}`),
  };
}

export function inside(at: string, name: string): string {
  return at === '' ? name : `${at}.${name}`;
}

/** Return the fields of a condition, and how to change them. */
export function useFields(node: NodeId, fields: JsonObject): Fields {
  const { editor } = useRows();
  return {
    node,
    at: '',
    fields,
    change: (changes, tag) => editor.edit((tree) => setFields(tree, node, changes), tag ? `${node}.${tag}` : null),
  };
}
