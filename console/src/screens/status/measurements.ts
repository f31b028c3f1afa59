/** The delay of storage, as it was measured since the page was opened. */
export interface Measurement {
  /** Seconds since 1970. */
  at: number;
  ms: number | null;
}

const MOST = 720;

/** Add a measurement, unless it is the last one again. At most 720 are kept. */
export function measured(old: readonly Measurement[], at: string, seconds: number | null): readonly Measurement[] {
  const point = { at: Date.parse(at) / 1_000, ms: seconds === null ? null : Math.round(seconds * 1_000) };
  if (old.at(-1)?.at === point.at) return old;
  return [...old, point].slice(-MOST);
}
