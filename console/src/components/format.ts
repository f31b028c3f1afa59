/** Numbers, durations and times, written the same way everywhere. */
const NUMBER = new Intl.NumberFormat('en-US');
const RELATIVE = new Intl.RelativeTimeFormat('en', { numeric: 'auto' });
const EXACT = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });
const DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });
const DAY_OF_YEAR = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const UTC_DAY = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeZone: 'UTC' });
const UTC_DAY_SHORT = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', timeZone: 'UTC' });
const CLOCK = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' });
const UNITS: readonly [Intl.RelativeTimeFormatUnit, number][] = [
  ['day', 86_400],
  ['hour', 3_600],
  ['minute', 60],
];

/** From a month on, the day says more than "2 months ago". */
const EXACT_FROM_S = 30 * 86_400;

/** 1204 → "1,204". */
export function count(value: number): string {
  return NUMBER.format(value);
}

/** 0.1234 → "12.3 %". */
export function percent(share: number): string {
  return `${(share * 100).toFixed(share !== 0 && Math.abs(share) < 0.1 ? 1 : 0)} %`;
}

/** With its sign: 12 → "+12", -126 → "−126". */
export function signed(value: number): string {
  if (value === 0) return '0';
  return value > 0 ? `+${count(value)}` : `−${count(-value)}`;
}

/** 380 → "380 ms", 2600 → "2.6 s", 90000 → "1 min 30 s". */
export function duration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.round((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** 1536 → "1.5 KB". */
export function bytes(value: number): string {
  const units = ['B', 'KB', 'MB', 'GB', 'TB'];
  const step = Math.min(value > 0 ? Math.floor(Math.log10(value) / 3) : 0, units.length - 1);
  return `${(value / 1000 ** step).toFixed(step ? 1 : 0)} ${units[step]}`;
}

/** The time from now: "3 minutes ago", "in 2 days", "16 Oct 2026". */
export function relative(at: string, now: number): string {
  const seconds = (Date.parse(at) - now) / 1_000;
  if (Math.abs(seconds) >= EXACT_FROM_S) return day(at);
  for (const [unit, size] of UNITS) {
    if (Math.abs(seconds) >= size) return RELATIVE.format(Math.round(seconds / size), unit);
  }
  return Math.abs(seconds) < 5 ? 'now' : RELATIVE.format(Math.round(seconds), 'second');
}

/** A day in UTC: "30 Nov 2026", or without its year. */
export function utcDay(seconds: number, withYear = true): string {
  return (withYear ? UTC_DAY : UTC_DAY_SHORT).format(seconds * 1_000);
}

/** In the zone of the viewer. */
export function exact(at: string): string {
  return EXACT.format(new Date(at));
}

export function day(at: string): string {
  return DAY.format(new Date(at));
}

/** The day, with its year only if that is not the present one. */
export function shortDay(at: string): string {
  const date = new Date(at);
  return date.getFullYear() === new Date().getFullYear() ? DAY_OF_YEAR.format(date) : DAY.format(date);
}

export function clock(at: string): string {
  return CLOCK.format(new Date(at));
}

/** "2026-01-30 08:00:00" in UTC. */
export function utc(at: string): string {
  return new Date(at).toISOString().slice(0, 19).replace('T', ' ');
}
