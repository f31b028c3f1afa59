import { useCallback, useState } from 'react';

const PREFIX = 'segops.draft.';

/** Read what was being typed before a reload, or null. */
export function readDraft<T>(key: string): T | null {
  try {
    const text = sessionStorage.getItem(PREFIX + key);
    return text === null ? null : (JSON.parse(text) as T);
  } catch {
    return null;
  }
}

/** Keep what is being typed, for this tab, until it is saved. Never pass anything secret. */
export function writeDraft(key: string, value: unknown): void {
  try {
    sessionStorage.setItem(PREFIX + key, JSON.stringify(value));
  } catch {
    // The storage of the browser is full or switched off. The form works; only a reload loses it.
  }
}

export function dropDraft(key: string): void {
  sessionStorage.removeItem(PREFIX + key);
}

/** State of a form that survives a reload and an expired session. Call the third value when it is saved. */
export function useDraft<T>(key: string, initial: T): [T, (value: T) => void, () => void] {
  const [value, setValue] = useState<T>(() => readDraft<T>(key) ?? initial);
  const set = useCallback(
    (next: T) => {
      writeDraft(key, next);
      setValue(next);
    },
    [key],
  );
  const drop = useCallback(() => dropDraft(key), [key]);
  return [value, set, drop];
}
