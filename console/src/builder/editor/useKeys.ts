import { type KeyboardEvent, type RefObject, useEffect, useLayoutEffect } from 'react';
import { builder as words } from '@/strings/builder';
import { act } from './actions';
import type { Rows } from './context';

const ROW = '[data-node]';
const WORDS = '[data-word]';

/** Handle the keys of rows: Alt with an arrow moves, with Shift into or out of a group; Alt with Backspace deletes. */
export function onRowKey(rows: Rows, event: KeyboardEvent): void {
  if (!event.altKey || event.ctrlKey || event.metaKey || rows.readOnly) return;
  const row = event.target instanceof Element ? event.target.closest<HTMLElement>(ROW) : null;
  const id = row?.dataset.node;
  if (!row || id === undefined) return;
  const word = [...wordsOf(row)].indexOf(event.target as HTMLElement);
  const name = actionOf(event);
  if (name === null) return;
  event.preventDefault();
  act(rows, name, id, Math.max(0, word));
}

function actionOf({ key, shiftKey }: KeyboardEvent) {
  switch (key) {
    case 'ArrowUp':
      return shiftKey ? 'outdent' : 'up';
    case 'ArrowDown':
      return shiftKey ? 'indent' : 'down';
    case 'Backspace':
    case 'Delete':
      return 'remove';
    default:
      return null;
  }
}

/** Return the words of a row, without those of rows inside of it. */
function wordsOf(row: HTMLElement): HTMLElement[] {
  return [...row.querySelectorAll<HTMLElement>(WORDS)].filter((word) => word.closest(ROW) === row);
}

/** Undo and redo by keys, wherever the focus is but in a text outside of the rows. */
export function useUndoKeys(rows: Rows, container: RefObject<HTMLElement | null>): void {
  const { editor, readOnly, say } = rows;
  const { undo, redo } = editor;
  useEffect(() => {
    const onKey = (event: globalThis.KeyboardEvent) => {
      if (readOnly || !(event.metaKey || event.ctrlKey) || event.altKey) return;
      const key = event.key.toLowerCase();
      const isRedo = key === 'y' || (key === 'z' && event.shiftKey);
      if ((key !== 'z' && !isRedo) || isTextElsewhere(event.target, container.current)) return;
      event.preventDefault();
      if (isRedo) redo();
      else undo();
      say(isRedo ? words.said.redone : words.said.undone);
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, [undo, redo, readOnly, say, container]);
}

function isTextElsewhere(target: EventTarget | null, container: HTMLElement | null): boolean {
  if (!(target instanceof HTMLElement) || container?.contains(target)) return false;
  return target instanceof HTMLTextAreaElement || target instanceof HTMLInputElement || target.isContentEditable;
}

/** Put the focus where the last edit asked for. */
export function useFocusAfterEdit(rows: Rows, container: RefObject<HTMLElement | null>): void {
  const { tree, takeFocus } = rows.editor;
  useLayoutEffect(() => {
    const request = takeFocus();
    if (request === null) return;
    const row = container.current?.querySelector<HTMLElement>(`[data-node="${request.id}"]`);
    if (!row) return;
    const all = wordsOf(row);
    const empty = all.find((word) => word.dataset.word === 'empty');
    const target = request.word === 'empty' ? (empty ?? all[0]) : (all[request.word] ?? all[0]);
    (target ?? row.querySelector<HTMLElement>('button'))?.focus();
  }, [tree, takeFocus, container]);
}
