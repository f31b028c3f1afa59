import { Button, PasswordInput, TextInput } from '@mantine/core';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { ApiProblem, asProblem } from '@/api/problem';
import { queryClient } from '@/api/queries';
import { signIn } from '@/api/session';
import { ProblemText } from '@/components/ProblemText';
import { text } from '@/strings';
import { AuthPage } from './AuthPage';
import { useConfig } from './config';

/** Return the address to open after signing in: only one of this console. */
export function safeNext(next: string | undefined): string {
  return next?.startsWith('/') && !next.startsWith('//') && !next.startsWith('/\\') ? next : '/segments';
}

export function Login() {
  const { next } = useSearch({ strict: false });
  const navigate = useNavigate();
  const config = useConfig();
  const [email, setEmail] = useState('');
  const [password, setPassword] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const enter = async () => {
    queryClient.clear();
    await navigate({ to: safeNext(next) });
  };
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    await signIn(email, password).then(enter, setError);
    setBusy(false);
  };
  return (
    <AuthPage
      title={text.auth.signInTitle}
      onSubmit={(event) => void submit(event)}
      {...((config?.signup ?? 'open') === 'open' && {
        below: (
          <>
            {text.auth.noAccount} <Link to="/signup">{text.auth.signUp}</Link>
          </>
        ),
      })}
    >
      <TextInput
        label={text.auth.email}
        type="email"
        autoComplete="username"
        required
        value={email}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      <PasswordInput
        label={text.auth.password}
        autoComplete="current-password"
        required
        value={password}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      {error !== null && <SignInProblem error={error} />}
      <Button type="submit" loading={busy}>
        {text.auth.signIn}
      </Button>
      {config?.sends_mail && <Link to="/forgot-password">{text.auth.forgot}</Link>}
    </AuthPage>
  );
}

function SignInProblem({ error }: { error: unknown }) {
  const problem = asProblem(error);
  if (problem.status !== 401) return <ProblemText problem={problem} />;
  return <ProblemText problem={new ApiProblem(401, problem.type, text.auth.wrong, [], problem.requestId)} />;
}
