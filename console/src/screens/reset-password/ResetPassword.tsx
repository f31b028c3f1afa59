import { Button, PasswordInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { Link, useSearch } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { asProblem } from '@/api/problem';
import { sendJson } from '@/api/transport';
import { ProblemText } from '@/components/ProblemText';
import { AuthPage } from '@/screens/auth/AuthPage';
import { Meter } from '@/screens/auth/Meter';
import { strength } from '@/screens/auth/strength';
import { text } from '@/strings';
import { profile } from '@/strings/profile';
import { faultAt, unplaced } from '../settings/fields';

const FORGOT = <Link to="/forgot-password">{profile.reset.another}</Link>;

/** Choose a new password, with the token of a mail. */
export function ResetPassword() {
  const words = profile.reset;
  const { token } = useSearch({ strict: false });
  const [password, setPassword] = useState('');
  const reset = useMutation({
    mutationFn: () => sendJson('/api/auth/password/reset/confirm/', { token, new_password: password }),
  });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    reset.mutate();
  };
  if (reset.isSuccess) {
    return (
      <AuthPage title={words.doneTitle} onSubmit={submit}>
        <p role="status">{words.done}</p>
        <Link to="/login">{text.auth.signIn}</Link>
      </AuthPage>
    );
  }
  if (!token || (reset.error !== null && asProblem(reset.error).status === 410)) {
    return (
      <AuthPage title={words.goneTitle} onSubmit={submit}>
        <p role="status">{words.gone}</p>
        {FORGOT}
      </AuthPage>
    );
  }
  const problem = unplaced(reset.error, 'new_password');
  return (
    <AuthPage title={words.title} onSubmit={submit}>
      <p className="dim">{words.detail}</p>
      <PasswordInput
        label={profile.next}
        description={text.auth.passwordHelp}
        autoComplete="new-password"
        required
        value={password}
        error={faultAt(reset.error, 'new_password')}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      <Meter password={password} />
      {problem !== null && <ProblemText problem={problem} />}
      <Button type="submit" loading={reset.isPending} disabled={strength(password) === 0}>
        {words.action}
      </Button>
    </AuthPage>
  );
}
