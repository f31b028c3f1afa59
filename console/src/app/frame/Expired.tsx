import { Button, Modal, PasswordInput, Stack } from '@mantine/core';
import { type FormEvent, useState } from 'react';
import { asProblem } from '@/api/problem';
import { queryClient } from '@/api/queries';
import { signIn } from '@/api/session';
import { ProblemText } from '@/components/ProblemText';
import { text } from '@/strings';

/** Sign in again over the open screen, so that what was typed stays. */
export function Expired({ email }: { email: string }) {
  const [password, setPassword] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    await signIn(email, password).then(() => queryClient.invalidateQueries(), setError);
    setBusy(false);
  };
  return (
    <Modal opened onClose={() => undefined} withCloseButton={false} title={text.frame.expired.title}>
      <form onSubmit={submit}>
        <Stack>
          <p>{text.frame.expired.detail}</p>
          <input type="hidden" autoComplete="username" value={email} readOnly />
          <PasswordInput
            label={`${text.auth.password} · ${email}`}
            value={password}
            onChange={(event) => setPassword(event.currentTarget.value)}
            autoComplete="current-password"
            data-autofocus
          />
          {error !== null && <ProblemText problem={asProblem(error)} />}
          <Button type="submit" loading={busy} disabled={!password}>
            {text.auth.signIn}
          </Button>
          <a href="/login">{text.frame.expired.other}</a>
        </Stack>
      </form>
    </Modal>
  );
}
