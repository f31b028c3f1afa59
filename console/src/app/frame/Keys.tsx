import { useNavigate } from '@tanstack/react-router';
import { lazy, Suspense, useEffect } from 'react';
import { destinations } from '../navigation';
import { setOverlay, useOverlay } from './keys-store';

const Palette = lazy(() => import('../palette/Palette').then((module) => ({ default: module.Palette })));
const KeyList = lazy(() => import('./KeyList').then((module) => ({ default: module.KeyList })));
const CHORD_MS = 1_000;

function typing(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

/** Return a handler of keys: ⌘K, `?`, `c`, and `g` followed by the key of a screen. */
function keyHandler(go: (to: string) => void): (event: KeyboardEvent) => void {
  let chordUntil = 0;
  return (event) => {
    if (event.key.toLowerCase() === 'k' && (event.metaKey || event.ctrlKey)) {
      event.preventDefault();
      setOverlay('palette');
      return;
    }
    if (typing(event.target) || event.metaKey || event.ctrlKey || event.altKey) return;
    const chord = performance.now() < chordUntil && destinations.find(({ key }) => key === event.key);
    chordUntil = event.key === 'g' ? performance.now() + CHORD_MS : 0;
    if (chord) go(chord.to);
    else if (event.key === '?') setOverlay('keys');
    else if (event.key === 'c') go('/segments/new');
  };
}

/** Listens to the keyboard, and shows the palette and the list of keys. */
export function Keys() {
  const overlay = useOverlay();
  const navigate = useNavigate();
  useEffect(() => {
    const handler = keyHandler((to) => void navigate({ to }));
    addEventListener('keydown', handler);
    return () => removeEventListener('keydown', handler);
  }, [navigate]);
  const close = () => setOverlay(null);
  return (
    <Suspense>
      {overlay === 'keys' && <KeyList onClose={close} />}
      {overlay === 'palette' && <Palette onClose={close} />}
    </Suspense>
  );
}
