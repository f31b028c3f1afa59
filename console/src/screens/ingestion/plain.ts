/** Refusals in plain words. */
import type { RejectionRead } from '@/api/types';
import { ingestion } from '@/strings/ingestion';

/** Return what went wrong, in a few words. */
export function whatHappened({ reason, code }: Pick<RejectionRead, 'reason' | 'code'>): string {
  return (ingestion.reasons[code] ?? ingestion.reasons[reason])?.[0] ?? sentenceOf(reason || ingestion.errors.unnamed);
}

/** Return what to do about it, or null if the rule says it all. */
export function whatToDo({ reason, code }: Pick<RejectionRead, 'reason' | 'code'>): string | null {
  return (ingestion.reasons[code] ?? ingestion.reasons[reason])?.[1] ?? null;
}

/** `some-new-problem` → `Some new problem`. */
function sentenceOf(slug: string): string {
  return slug.charAt(0).toUpperCase() + slug.slice(1).replaceAll('-', ' ');
}

/** Write the key as its owner knows it: prefix and last characters. */
export function keyName({
  key_prefix,
  key_last_four,
}: Pick<RejectionRead, 'key_prefix' | 'key_last_four'>): string | null {
  return key_prefix === '' ? null : `${key_prefix}…${key_last_four}`;
}

/** Read a payload: a JSON object, or null. */
export function readPayload(typed: string): Record<string, never> | null {
  try {
    const value: unknown = JSON.parse(typed.trim() === '' ? '{}' : typed);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, never>)
      : null;
  } catch {
    return null;
  }
}
