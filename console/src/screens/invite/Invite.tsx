import { Link, useSearch } from '@tanstack/react-router';
import { asProblem } from '@/api/problem';
import { QueryState } from '@/components/states';
import { AuthPage } from '@/screens/auth/AuthPage';
import { profile } from '@/strings/profile';
import { Join } from './Join';
import { useInvite } from './lookup';

const words = profile.invite;
/** The token is malformed, unknown, or was used or withdrawn, or it has expired. */
const GONE = new Set([400, 404, 410, 422]);

/** The page that the link of an invite opens. */
export function Invite() {
  const { token } = useSearch({ strict: false });
  return token ? <Found key={token} token={token} /> : <Unusable title={words.noToken} detail={words.noTokenDetail} />;
}

function Found({ token }: { token: string }) {
  const query = useInvite(token);
  if (query.data !== undefined) return <Join token={token} invite={query.data} />;
  if (query.error !== null && GONE.has(asProblem(query.error).status)) {
    return <Unusable title={words.goneTitle} detail={words.gone} />;
  }
  return (
    <AuthPage title={words.unread} onSubmit={(event) => event.preventDefault()}>
      <QueryState query={query}>{() => null}</QueryState>
    </AuthPage>
  );
}

function Unusable({ title, detail }: { title: string; detail: string }) {
  return (
    <AuthPage title={title} onSubmit={(event) => event.preventDefault()}>
      <p role="status">{detail}</p>
      <Link to="/login">{words.signIn}</Link>
    </AuthPage>
  );
}
