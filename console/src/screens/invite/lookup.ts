import { useQuery } from '@tanstack/react-query';
import { ApiProblem, asProblem } from '@/api/problem';
import { sendJson } from '@/api/transport';
import type { PendingInviteRead } from '@/api/types';
import { profile } from '@/strings/profile';

/** The key of an invite in the cache of queries. */
export const INVITE = 'invite';

/** Words of the console for the refusals of an invite. */
const WORDS: Record<string, string> = {
  'invalid-credentials': profile.invite.wrong,
  'invite-expired': profile.invite.gone,
  'not-found': profile.invite.gone,
  'already-member': profile.invite.member,
};

/** Return a problem in the words of this page. */
export function inWords(error: unknown): ApiProblem {
  const problem = asProblem(error);
  const words = WORDS[problem.type];
  if (words === undefined) return problem;
  return new ApiProblem(problem.status, problem.type, words, [], problem.requestId);
}

/** What the token of an invite admits to. It is read once: accepting the invite uses it up. */
export function useInvite(token: string) {
  return useQuery({
    queryKey: [INVITE, token],
    queryFn: () => sendJson<PendingInviteRead>('/api/auth/invites/lookup/', { token }),
    staleTime: Number.POSITIVE_INFINITY,
  });
}
