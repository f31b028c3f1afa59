/** Undo and redo. */

const MAX_STEPS = 200;

export interface History<T> {
  readonly past: readonly T[];
  readonly present: T;
  readonly future: readonly T[];
  /** What the last step changed: the next step with the same tag becomes part of it. */
  readonly tag: string | null;
}

export function begin<T>(present: T): History<T> {
  return { past: [], present, future: [], tag: null };
}

/** Add a step. Steps in a row with the same tag, such as letters typed into one field, are undone together. */
export function record<T>(history: History<T>, present: T, tag: string | null = null): History<T> {
  if (present === history.present) return history;
  const isSame = tag !== null && tag === history.tag;
  const past = isSame ? history.past : [...history.past, history.present].slice(-MAX_STEPS);
  return { past, present, future: [], tag };
}

export function undo<T>(history: History<T>): History<T> {
  const before = history.past.at(-1);
  if (before === undefined) return history;
  return { past: history.past.slice(0, -1), present: before, future: [history.present, ...history.future], tag: null };
}

export function redo<T>(history: History<T>): History<T> {
  const [next, ...future] = history.future;
  if (next === undefined) return history;
  return { past: [...history.past, history.present], present: next, future, tag: null };
}
