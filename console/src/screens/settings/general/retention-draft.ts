import type { RetentionRead } from '@/api/types';

/** A rule that is being typed; `days` is text until it is a number. */
export interface TypeDraft {
  key: number;
  type: string;
  days: number | string;
}

export interface RetentionDraft {
  default: number | string;
  types: readonly TypeDraft[];
}

/** What is sent. */
export interface Rules {
  default_days: number | null;
  event_types: { event_type: string; days: number }[];
}

/** Return the draft of what is stored. */
export function draftOf(stored: Pick<RetentionRead, 'default_days' | 'event_types'>): RetentionDraft {
  return {
    default: stored.default_days ?? '',
    types: stored.event_types.map(({ event_type, days }, key) => ({ key, type: event_type, days })),
  };
}

/** Return the draft with one more row. */
export function withType(draft: RetentionDraft): RetentionDraft {
  const key = Math.max(-1, ...draft.types.map((rule) => rule.key)) + 1;
  return { ...draft, types: [...draft.types, { key, type: '', days: '' }] };
}

/** Return what a draft asks for, or null while a number or a name is missing. */
export function complete(draft: RetentionDraft): Rules | null {
  const numbers = draft.types.map(({ days }) => days);
  const isNumber = (value: number | string) => typeof value === 'number' && value >= 1;
  if (draft.default !== '' && !isNumber(draft.default)) return null;
  if (!numbers.every(isNumber) || draft.types.some(({ type }) => type === '')) return null;
  return {
    default_days: draft.default === '' ? null : Number(draft.default),
    event_types: draft.types.map(({ type, days }) => ({ event_type: type, days: Number(days) })),
  };
}
