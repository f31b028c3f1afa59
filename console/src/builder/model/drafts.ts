/** Unsaved definitions, kept in the browser so that a reload or an expired session loses nothing. */

import { isNumber, isObject, type JsonObject, readJson, writeJson } from './json';
import { type GroupNode, readTree, writeTree } from './tree';

export interface Draft {
  readonly tree: GroupNode;
  /** The saved rules that the edit began from. */
  readonly base: JsonObject;
  /** The version of the segment that was edited; null for a new segment. */
  readonly version: number | null;
}

const FORMAT = 2;

export function writeDraft(draft: Draft): string {
  return writeJson({ format: FORMAT, version: draft.version, base: draft.base, definition: writeTree(draft.tree) });
}

/** Return a draft that was written before; null for any other text. */
export function readDraft(text: string | null): Draft | null {
  const draft = text === null ? null : parsed(text);
  if (draft === null || draft.format !== FORMAT) return null;
  const tree = readTree(draft.definition ?? null);
  const { base, version } = draft;
  if (tree === null || !isObject(base) || !(version === null || isNumber(version))) return null;
  return { tree, base, version: version === null ? null : Number(version) };
}

function parsed(text: string): JsonObject | null {
  try {
    const { value } = readJson(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}
