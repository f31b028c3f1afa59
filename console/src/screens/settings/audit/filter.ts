import type { components } from '@/api/generated/schema';
import { settings } from '@/strings/settings';

type Action = components['schemas']['Action'];

/** What the address selects. `since` and `until` are days of the viewer's zone, and both are included. */
export interface AuditFilter {
  action?: Action;
  /** A user id. */
  actor?: string;
  /** A kind such as `api_key`, or one object such as `user:7`. */
  target?: string;
  since?: string;
  until?: string;
}

/** What the address says, or a field of the form. */
export type Given = { [Name in keyof AuditFilter]?: string | null | undefined };

const TARGET = /^[a-z_]{1,32}(:[^\p{Cc}]{1,256})?$/u;

function isDay(value: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(value) && !Number.isNaN(Date.parse(value));
}

const TAKES: Record<keyof AuditFilter, (value: string) => boolean> = {
  action: (value) => Object.hasOwn(settings.audit.words, value),
  actor: (value) => /^[1-9]\d{0,14}$/.test(value),
  target: (value) => TARGET.test(value),
  since: isDay,
  until: isDay,
};

/** Return the parts that the API takes; what it would refuse selects nothing. */
export function selecting(given: Given): AuditFilter {
  const names = Object.keys(TAKES) as (keyof AuditFilter)[];
  return Object.fromEntries(
    names.flatMap((name) => (given[name] && TAKES[name](given[name]) ? [[name, given[name]]] : [])),
  );
}

/** Return the start of a day in the viewer's zone, or of one some days later. */
function startOf(day: string, later: number): string {
  const start = new Date(`${day}T00:00:00`);
  start.setDate(start.getDate() + later);
  return start.toISOString();
}

/** Return the filter as parameters of the API, where `until` is excluded. */
export function toQuery({ action, actor, target, since, until }: AuditFilter) {
  return {
    ...(action && { action }),
    ...(actor && { actor: Number(actor) }),
    ...(target && { target }),
    ...(since && { since: startOf(since, 0) }),
    ...(until && { until: startOf(until, 1) }),
  };
}
