/** Durations, such as `30d`, and points in time, such as `-30d` or an instant. */

export const UNITS = ['s', 'm', 'h', 'd', 'w'] as const;
export type Unit = (typeof UNITS)[number];

export interface Duration {
  readonly amount: number;
  readonly unit: Unit;
}

const DURATION = /^([0-9]{1,12})([smhdw])$/;
const SECONDS: Readonly<Record<Unit, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
const MAX_SECONDS = 36_525 * 86_400;
const WORDS = /^([0-9]{1,12})\s*([a-z]*)$/;

/** Return a duration as the language writes it; null for anything else. */
export function readDuration(text: string): Duration | null {
  const match = DURATION.exec(text);
  const unit = UNITS.find((known) => known === match?.[2]);
  return match?.[1] === undefined || unit === undefined ? null : { amount: Number(match[1]), unit };
}

export function writeDuration(duration: Duration): string {
  return `${duration.amount}${duration.unit}`;
}

export function secondsOf(duration: Duration): number {
  return duration.amount * SECONDS[duration.unit];
}

/** Return the durations that a person may mean by what they typed: `30`, `30 d`, `30 days`, `2 weeks`. */
export function guessDurations(typed: string): Duration[] {
  const match = WORDS.exec(typed.trim().toLowerCase());
  if (match?.[1] === undefined) return [];
  const amount = Number(match[1]);
  const named = UNITS.filter((unit) => isNameOf(unit, match[2] ?? ''));
  const order: readonly Unit[] = ['d', 'h', 'w', 'm', 's'];
  return order
    .filter((unit) => named.includes(unit))
    .map((unit) => ({ amount, unit }))
    .filter((duration) => secondsOf(duration) <= MAX_SECONDS);
}

const NAMES: Readonly<Record<Unit, readonly string[]>> = {
  s: ['seconds', 'secs'],
  m: ['minutes', 'mins'],
  h: ['hours', 'hrs'],
  d: ['days'],
  w: ['weeks', 'wks'],
};

function isNameOf(unit: Unit, word: string): boolean {
  return NAMES[unit].some((name) => name.startsWith(word));
}

const INSTANT = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:?\d{2})$/;

/** Return a text as milliseconds since 1970 if it is an instant; null otherwise. */
export function readInstant(text: string): number | null {
  if (!INSTANT.test(text)) return null;
  const time = Date.parse(text.replace(' ', 'T').toUpperCase());
  return Number.isNaN(time) ? null : time;
}

/** Return an instant as the language writes it. */
export function writeInstant(time: number): string {
  return new Date(time).toISOString();
}
