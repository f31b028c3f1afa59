import { useAccount } from '@/app/tenant';
import { useEmails } from '@/screens/settings/queries';
import { actorName } from './actor';

/** Return a function that names who did something. */
export function useActor(): (actor: string) => string {
  const { id } = useAccount();
  const emails = useEmails();
  return (actor) => actorName(actor, id, emails);
}
