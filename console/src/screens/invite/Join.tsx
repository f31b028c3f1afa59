import { Button, PasswordInput, TextInput } from '@mantine/core';
import { useNavigate } from '@tanstack/react-router';
import { type FormEvent, useState } from 'react';
import { queryClient } from '@/api/queries';
import { adoptTokens } from '@/api/session';
import { sendJson } from '@/api/transport';
import type { InviteAccepted, PendingInviteRead } from '@/api/types';
import { rememberTenant } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { Time } from '@/components/Time';
import { AuthPage } from '@/screens/auth/AuthPage';
import { strength } from '@/screens/auth/strength';
import { text } from '@/strings';
import { profile } from '@/strings/profile';
import { settings } from '@/strings/settings';
import { faultAt, unplaced } from '../settings/fields';
import { INVITE, inWords } from './lookup';

/** Open the workspace that was joined. What was read before, except for the invite, belongs to another session. */
function useEnter() {
  const navigate = useNavigate();
  return async ({ tenant, tokens }: InviteAccepted) => {
    await adoptTokens(tokens);
    rememberTenant(tenant.slug);
    queryClient.removeQueries({ predicate: ({ queryKey }) => queryKey[0] !== INVITE });
    await navigate({ to: '/segments', search: { tenant: tenant.slug } });
  };
}

/** What an invite admits to, and the password of the account that joins: one that exists, or a new one. */
export function Join({ token, invite }: { token: string; invite: PendingInviteRead }) {
  const words = profile.invite;
  const { email, role, tenant } = invite;
  const enter = useEnter();
  const [password, setPassword] = useState('');
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const accept = async (event: FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setError(null);
    const request = { token, email, password, refresh_in: 'cookie' };
    await sendJson<InviteAccepted>('/api/auth/invites/accept/', request).then(enter, setError);
    setBusy(false);
  };
  const problem = error === null ? null : unplaced(inWords(error), 'password');
  return (
    <AuthPage title={words.title(tenant.name)} onSubmit={(event) => void accept(event)}>
      <p>
        {words.role} <strong>{settings.roles[role]}</strong>: {settings.may[role]}.
      </p>
      <TextInput label={text.auth.email} type="email" autoComplete="username" readOnly value={email} />
      <PasswordInput
        label={words.password}
        description={words.passwordHelp}
        autoComplete="current-password"
        required
        value={password}
        error={faultAt(error, 'password')}
        onChange={(event) => setPassword(event.currentTarget.value)}
      />
      {problem !== null && <ProblemText problem={problem} />}
      <Button type="submit" loading={busy} disabled={strength(password) === 0}>
        {words.accept}
      </Button>
      <p className="dim small">
        {words.expires} <Time at={invite.expires_at} />
      </p>
    </AuthPage>
  );
}
