import type { AuditEntryRead } from '@/api/types';
import { settings } from '@/strings/settings';

/** Return what was done in words; an action that the console does not know is shown by its name. */
export function actionWords(action: string): string {
  return settings.audit.words[action] ?? action;
}

/** Return who did it. */
export function actorWords(actor: number | null, emails: ReadonlyMap<number, string>): string {
  if (actor === null) return settings.audit.nobody;
  return emails.get(actor) ?? settings.audit.unknown(actor);
}

/** Return what it was done to, in words: `user:7` is a member, other objects are named by the details. */
export function targetWords(entry: AuditEntryRead, emails: ReadonlyMap<number, string>): string {
  const [kind = '', id = ''] = entry.target.split(':');
  if (kind === 'user') return emails.get(Number(id)) ?? settings.audit.unknown(Number(id));
  const name = entry.details.name ?? entry.details.email ?? entry.details.name_to;
  const words = (settings.audit.targets as Record<string, string>)[kind] ?? kind;
  return name === undefined ? `${words} ${id}` : settings.audit.named(words, name);
}

/** Return the most telling detail of an entry in a few words, or an empty text. */
export function change({ details }: AuditEntryRead): string {
  if (details.from && details.to) return `${details.from} → ${details.to}`;
  const changed = Object.keys(details).flatMap((key) => {
    const field = key.endsWith('_from') ? key.slice(0, -5) : null;
    return field === null ? [] : [`${field} ${details[key]} → ${details[`${field}_to`]}`];
  });
  return changed.length > 0 ? changed.join(', ') : (details.role ?? '');
}
