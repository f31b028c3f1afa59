import type { ApiKeyRead, KeyKind, Scope } from '@/api/types';
import { count } from '@/components/format';
import { settings } from '@/strings/settings';

/** What a secret key may do with data, in the order in which it is offered. */
export const DATA_SCOPES: readonly Scope[] = [
  'events:write',
  'events:read',
  'segments:read',
  'segments:write',
  'membership:read',
  'profiles:read',
];

/** What a key may do only if somebody chooses it. */
export const EXTRA_SCOPES: readonly Scope[] = ['identity:merge'];

interface Powers {
  kind: KeyKind;
  scopes: readonly Scope[];
  allowed_origins: readonly string[];
}

/** Return in a few words what a key may do. */
export function summary(key: Powers): string {
  const words = settings.keys;
  if (key.kind === 'publishable') return pagesOf(key.allowed_origins);
  if (DATA_SCOPES.every((scope) => key.scopes.includes(scope))) return words.everything;
  const [first] = key.scopes;
  return key.scopes.length === 1 && first ? words.scopeWords[first] : words.scopesShort(count(key.scopes.length));
}

/** Return all that a key may do, one per line. */
export function permissions(key: Powers): string {
  return [...key.scopes.map((scope) => settings.keys.scopeWords[scope]), ...key.allowed_origins].join('\n');
}

function pagesOf(origins: readonly string[]): string {
  const words = settings.keys;
  if (origins.length === 0) return words.noOrigin;
  return origins.includes('*') ? words.anyOrigin : words.originsShort(count(origins.length), origins.length === 1);
}

/** Return the origins of a text with one per line. */
export function originLines(lines: string): string[] {
  return lines
    .split(/[\s,]+/)
    .map((line) => line.trim())
    .filter((line) => line !== '');
}

/** Return a key with its middle left out: `sk_live_…R2D2`. */
export function maskedKey({ prefix, last_four }: Pick<ApiKeyRead, 'prefix' | 'last_four'>): string {
  return `${prefix}…${last_four}`;
}

export interface KeyDraft {
  name: string;
  kind: KeyKind;
  /** Null for everything that a key may do with data. */
  scopes: Scope[] | null;
  origins: string;
  signed: boolean;
  /** Make it a key of the test tenant. */
  test: boolean;
}

export const NEW_KEY: KeyDraft = {
  name: '',
  kind: 'secret',
  scopes: null,
  origins: '',
  signed: false,
  test: false,
};

/** Return the request that creates a key in a tenant. */
export function keyRequest(draft: KeyDraft, tenant: number) {
  const common = { tenant, name: draft.name.trim(), kind: draft.kind };
  if (draft.kind === 'publishable') {
    return { ...common, allowed_origins: originLines(draft.origins), require_signed_user_id: draft.signed };
  }
  return { ...common, require_signed_user_id: false, ...(draft.scopes !== null && { scopes: draft.scopes }) };
}
