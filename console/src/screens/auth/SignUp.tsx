import { Link, useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { useDraft } from '@/api/drafts';
import { asProblem } from '@/api/problem';
import { queryClient } from '@/api/queries';
import { signUp } from '@/api/session';
import { text } from '@/strings';
import { AccountStep } from './AccountStep';
import { AuthPage } from './AuthPage';
import { useConfig } from './config';
import { toSlug } from './slug';
import { WorkspaceStep } from './WorkspaceStep';

export interface SignUpDraft {
  email: string;
  name: string;
  /** Null while it follows the name. */
  slug: string | null;
}

const EMPTY: SignUpDraft = { email: '', name: '', slug: null };
const OF_ACCOUNT = ['email', 'password'];

/** Two steps: account, then workspace. Both are created by one call at the end. */
export function SignUp() {
  const [draft, setDraft, dropDraft] = useDraft('signup', EMPTY);
  const [password, setPassword] = useState('');
  const [step, setStep] = useState<'account' | 'workspace'>('account');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const navigate = useNavigate();
  const config = useConfig();

  const failed = (reason: unknown) => {
    setError(reason);
    if (OF_ACCOUNT.some((field) => asProblem(reason).at(field)) || asProblem(reason).type === 'email-taken')
      setStep('account');
  };
  const enter = async () => {
    dropDraft();
    queryClient.clear();
    await navigate({ to: '/get-started' });
  };
  const create = async () => {
    setBusy(true);
    setError(null);
    const slug = draft.slug ?? toSlug(draft.name);
    await signUp({ email: draft.email, password, tenant_name: draft.name, tenant_slug: slug }).then(enter, failed);
    setBusy(false);
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    setError(null);
    if (step === 'account') setStep('workspace');
    else void create();
  };
  if (config !== undefined && config.signup !== 'open') return <Closed invited={config.signup === 'invited'} />;
  const shared = { draft, setDraft, problem: error === null ? null : asProblem(error) };
  return (
    <AuthPage
      title={step === 'account' ? text.auth.signUpTitle : text.auth.workspaceTitle}
      onSubmit={submit}
      below={
        <>
          {text.auth.haveAccount} <Link to="/login">{text.auth.signIn}</Link>
        </>
      }
    >
      {step === 'account' ? (
        <AccountStep {...shared} password={password} setPassword={setPassword} />
      ) : (
        <WorkspaceStep {...shared} busy={busy} onBack={() => setStep('account')} />
      )}
    </AuthPage>
  );
}

/** In place of the form when not everybody may sign up. */
function Closed({ invited }: { invited: boolean }) {
  return (
    <AuthPage title={text.auth.closedTitle} onSubmit={(event) => event.preventDefault()}>
      <p>{invited ? text.auth.invited : text.auth.closed}</p>
      <Link to="/login">{text.auth.signIn}</Link>
    </AuthPage>
  );
}
