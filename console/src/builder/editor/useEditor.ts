import { useCallback, useEffect, useMemo, useRef, useState } from 'react';
import { dropDraft, readDraft as readStored, writeDraft as store } from '@/api/drafts';
import { readDraft, writeDraft } from '../model/drafts';
import { begin, type History, record, redo, undo } from '../model/history';
import { type JsonObject, sameJson } from '../model/json';
import { type GroupNode, group, type NodeId, readTree, writeTree } from '../model/tree';

/** Where the focus goes after an edit: to a word of a row, by its number, or to the row's first word that is empty. */
export interface FocusRequest {
  readonly id: NodeId;
  readonly word: number | 'empty';
}

export type Edit = (tree: GroupNode) => GroupNode;

/** The rules that are being edited, with undo. Unsaved rules are kept in the browser until they are saved or discarded. */
export interface Editor {
  /** Names the drafts in the browser's storage. */
  readonly key: string;
  readonly tree: GroupNode;
  readonly canUndo: boolean;
  readonly canRedo: boolean;
  readonly isDirty: boolean;
  /** The saved rules that the edit began from. */
  readonly saved: JsonObject;
  /** The version of the segment that is being edited; null for a new one. */
  readonly version: number | null;
  /** Change the tree. Edits in a row with the same tag are undone together. */
  readonly edit: (change: Edit, tag?: string | null, focus?: FocusRequest | null) => void;
  readonly undo: () => void;
  readonly redo: () => void;
  /** Take over another definition as the saved one, after saving or to discard. */
  readonly rebase: (definition: JsonObject, version: number | null) => void;
  /** Keep the rules, and treat them as an edit of another version. */
  readonly keepOver: (definition: JsonObject, version: number) => void;
  readonly forget: () => void;
  /** Take the pending focus request; null without one. */
  readonly takeFocus: () => FocusRequest | null;
}

interface Start {
  /** Names the draft in the browser's storage. */
  readonly key: string;
  readonly definition: JsonObject;
  readonly version: number | null;
}

interface State {
  readonly history: History<GroupNode>;
  readonly saved: JsonObject;
  readonly version: number | null;
}

export function useEditor(start: Start): Editor {
  const [state, setState] = useState<State>(() => started(start));
  const focus = useRef<FocusRequest | null>(null);
  const tree = state.history.present;
  const isDirty = useMemo(() => !sameJson(writeTree(tree), state.saved), [tree, state.saved]);
  useEffect(() => {
    if (isDirty) store(start.key, writeDraft({ tree, base: state.saved, version: state.version }));
    else dropDraft(start.key);
  }, [isDirty, tree, state.saved, state.version, start.key]);
  const step = useCallback((change: (history: History<GroupNode>) => History<GroupNode>) => {
    setState((before) => ({ ...before, history: change(before.history) }));
  }, []);
  const edit = useCallback(
    (change: Edit, tag: string | null = null, request: FocusRequest | null = null) => {
      focus.current = request;
      step((history) => record(history, change(history.present), tag));
    },
    [step],
  );
  return {
    key: start.key,
    tree,
    isDirty,
    saved: state.saved,
    version: state.version,
    canUndo: state.history.past.length > 0,
    canRedo: state.history.future.length > 0,
    edit,
    undo: useCallback(() => step(undo), [step]),
    redo: useCallback(() => step(redo), [step]),
    rebase: useCallback((saved, version) => setState((before) => rebased(before, saved, version)), []),
    keepOver: useCallback((saved, version) => setState((before) => ({ ...before, saved, version })), []),
    forget: useCallback(() => dropDraft(start.key), [start.key]),
    takeFocus: useCallback(() => {
      const request = focus.current;
      focus.current = null;
      return request;
    }, []),
  };
}

function started({ key, definition, version }: Start): State {
  const draft = readDraft(readStored<string>(key));
  const tree = draft?.tree ?? readTree(definition) ?? group('AND');
  return {
    history: begin(tree),
    saved: draft === null ? definition : draft.base,
    version: draft === null ? version : draft.version,
  };
}

/** Return the state with other rules as the saved ones; the step can be undone. */
function rebased(before: State, saved: JsonObject, version: number | null): State {
  const tree = before.history.present;
  const next = sameJson(writeTree(tree), saved) ? tree : (readTree(saved, tree) ?? tree);
  return { history: record(before.history, next), saved, version };
}
