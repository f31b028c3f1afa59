import { useEffect, useState } from 'react';
import { text } from '@/strings';
import { exact, relative, utc } from './format';

const TICK_MS = 15_000;
const ticks = new Set<() => void>();
let timer: ReturnType<typeof setInterval> | undefined;

function onTick(listener: () => void): () => void {
  ticks.add(listener);
  timer ??= setInterval(() => {
    for (const tick of ticks) tick();
  }, TICK_MS);
  return () => {
    ticks.delete(listener);
    if (ticks.size === 0) {
      clearInterval(timer);
      timer = undefined;
    }
  };
}

/** Milliseconds since 1970, renewed every few seconds; all components share one timer. */
export function useNow(): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => onTick(() => setNow(Date.now())), []);
  return now;
}

interface TimeProps {
  at: string | null | undefined;
  /** Write the exact time, with the relative one on hover. */
  long?: boolean;
}

/** An instant: relative, with the exact time of the viewer's zone and UTC on hover. */
export function Time({ at, long = false }: TimeProps) {
  // What has happened since the last tick is not in the future.
  const now = Math.max(useNow(), Date.now());
  if (!at) return <span className="dim">{text.common.never}</span>;
  const title = `${long ? relative(at, now) : exact(at)} · ${text.common.utc(utc(at))}`;
  return (
    <time dateTime={at} title={title}>
      {long ? exact(at) : relative(at, now)}
    </time>
  );
}
