import { useSyncExternalStore } from 'react';

/** What the keyboard has opened over the screen. */
export type Overlay = 'palette' | 'keys' | null;

let overlay: Overlay = null;
const listeners = new Set<() => void>();

export function setOverlay(next: Overlay): void {
  overlay = next;
  for (const listener of listeners) listener();
}

export function openPalette(): void {
  setOverlay('palette');
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function useOverlay(): Overlay {
  return useSyncExternalStore(subscribe, () => overlay);
}
