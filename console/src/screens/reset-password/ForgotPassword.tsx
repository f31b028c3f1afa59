import { Button, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { sendJson } from '@/api/transport';
import { ProblemText } from '@/components/ProblemText';
import { AuthPage } from '@/screens/auth/AuthPage';
import { useConfig } from '@/screens/auth/config';
import { text } from '@/strings';
import { profile } from '@/strings/profile';
import { faultAt, unplaced } from '../settings/fields';

const LOGIN = <Link to="/login">{profile.backToSignIn}</Link>;

/** Ask for the mail with which a new password is chosen. The answer is the same for unknown addresses. */
export function ForgotPassword() {
  const words = profile.forgot;
  const config = useConfig();
  const [email, setEmail] = useState('');
  const ask = useMutation({ mutationFn: () => sendJson('/api/auth/password/reset/', { email }) });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    ask.mutate();
  };
  if (config?.sends_mail === false) {
    return (
      <AuthPage title={words.title} onSubmit={submit} below={LOGIN}>
        <p>{words.noMail}</p>
      </AuthPage>
    );
  }
  if (ask.isSuccess) {
    return (
      <AuthPage title={words.sentTitle} onSubmit={submit} below={LOGIN}>
        <p role="status">{words.sent(email)}</p>
        <Button type="submit" variant="default">
          {words.again}
        </Button>
      </AuthPage>
    );
  }
  const problem = unplaced(ask.error, 'email');
  return (
    <AuthPage title={words.title} onSubmit={submit} below={LOGIN}>
      <p className="dim">{words.detail}</p>
      <TextInput
        label={text.auth.email}
        type="email"
        autoComplete="username"
        required
        value={email}
        error={faultAt(ask.error, 'email')}
        onChange={(event) => setEmail(event.currentTarget.value)}
      />
      {problem !== null && <ProblemText problem={problem} />}
      <Button type="submit" loading={ask.isPending}>
        {words.send}
      </Button>
    </AuthPage>
  );
}
