import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { useEffect } from 'react';
import { asProblem } from '@/api/problem';
import { sendJson } from '@/api/transport';
import { meQuery } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { AuthPage } from '@/screens/auth/AuthPage';
import { profile } from '@/strings/profile';

/** The page that the link of a mail opens: it confirms the address at once. */
export function VerifyEmail() {
  const words = profile.verify;
  const { token } = useSearch({ strict: false });
  const cache = useQueryClient();
  // A query repeats while the service is away, and runs once however often the page is drawn.
  const { error, isSuccess } = useQuery({
    queryKey: ['verify-email', token],
    queryFn: () => sendJson('/api/auth/email/verify/', { token }),
    enabled: token !== undefined,
    staleTime: Number.POSITIVE_INFINITY,
    refetchOnWindowFocus: false,
  });
  useEffect(() => {
    if (isSuccess) void cache.invalidateQueries({ queryKey: meQuery.queryKey });
  }, [isSuccess, cache]);
  const gone = token === undefined || (error !== null && [410, 422].includes(asProblem(error).status));
  return (
    <AuthPage title={title(isSuccess, gone)} onSubmit={(event) => event.preventDefault()}>
      {isSuccess && <p role="status">{words.done}</p>}
      {gone && <p role="status">{words.gone}</p>}
      {!gone && error !== null && <ProblemText problem={asProblem(error)} />}
      {(isSuccess || gone) && (
        <Link to="/settings/$tab" params={{ tab: 'profile' }}>
          {words.open}
        </Link>
      )}
    </AuthPage>
  );
}

function title(done: boolean, gone: boolean): string {
  const words = profile.verify;
  if (done) return words.doneTitle;
  return gone ? words.goneTitle : words.title;
}
