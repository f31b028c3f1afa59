import { segments as words } from '@/strings/segments';

/** Name who did something: `user:7` is "you" for the user 7, and otherwise the address of a member. */
export function actorName(actor: string, me: number, emails: ReadonlyMap<number, string>): string {
  const [, kind, id] = /^(user|key):(\d+)$/.exec(actor) ?? [];
  if (kind === undefined) return actor;
  if (kind === 'key') return words.actor.key(Number(id));
  if (Number(id) === me) return words.actor.you;
  return emails.get(Number(id)) ?? words.actor.user(Number(id));
}
