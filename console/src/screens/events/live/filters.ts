/** Which events are shown: the filters of the address, applied to live events as the API applies them to stored ones. */
import type { EventRead } from '@/api/types';

export interface EventFilters {
  event_type?: string;
  user_id?: string;
  q?: string;
  since?: string;
  until?: string;
}

const NAMES = ['event_type', 'user_id', 'q', 'since', 'until'] as const;

/** Return the filters that are set. */
export function present(filters: { [Name in keyof EventFilters]: string | undefined }): EventFilters {
  const kept: EventFilters = {};
  for (const name of NAMES) {
    const value = filters[name];
    if (value) kept[name] = value;
  }
  return kept;
}

export function anySet(filters: EventFilters): boolean {
  return NAMES.some((name) => Boolean(filters[name]));
}

function inText(event: EventRead, text: string): boolean {
  return event.payload !== null && JSON.stringify(event.payload).toLowerCase().includes(text.toLowerCase());
}

/** Return whether an event passes the filters. */
export function passes(event: EventRead, filters: EventFilters): boolean {
  const { event_type, user_id, q, since, until } = filters;
  if (event_type && event.event_type !== event_type) return false;
  if (user_id && event.user_id !== user_id && event.anonymous_id !== user_id) return false;
  if (q && !inText(event, q)) return false;
  const at = Date.parse(event.occurred_at);
  return (!since || at >= Date.parse(since)) && (!until || at < Date.parse(until));
}

/** Put live events before stored ones, each event once. */
export function joined(live: readonly EventRead[], stored: readonly EventRead[]): EventRead[] {
  const ids = new Set(live.map(({ message_id }) => message_id));
  return [...live, ...stored.filter(({ message_id }) => !ids.has(message_id))];
}
