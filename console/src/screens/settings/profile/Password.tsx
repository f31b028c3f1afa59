import { Button, PasswordInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, body } from '@/api/client';
import { adoptTokens } from '@/api/session';
import { useAccount } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { Meter } from '@/screens/auth/Meter';
import { strength } from '@/screens/auth/strength';
import { text } from '@/strings';
import { profile } from '@/strings/profile';
import { faultAt, unplaced } from '../fields';
import classes from '../settings.module.css';

/** Change the password. It ends all other sessions, and this one goes on. */
export function Password() {
  const words = profile;
  const { email } = useAccount();
  const cache = useQueryClient();
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const change = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/auth/password/change/', {
          body: { password: current, new_password: next, refresh_in: 'cookie' },
        }),
      ),
    onSuccess: async (tokens) => {
      await adoptTokens(tokens);
      setCurrent('');
      setNext('');
      void cache.invalidateQueries({ queryKey: ['sessions'] });
    },
  });
  const problem = unplaced(change.error, 'password', 'new_password');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <form className={classes.form} onSubmit={submit}>
      <p className="dim">{words.changeDetail}</p>
      <input type="hidden" autoComplete="username" value={email} readOnly />
      <PasswordInput
        label={words.current}
        autoComplete="current-password"
        required
        value={current}
        error={faultAt(change.error, 'password')}
        onChange={(event) => setCurrent(event.currentTarget.value)}
      />
      <PasswordInput
        label={words.next}
        description={text.auth.passwordHelp}
        autoComplete="new-password"
        required
        value={next}
        error={faultAt(change.error, 'new_password')}
        onChange={(event) => setNext(event.currentTarget.value)}
      />
      <Meter password={next} />
      {problem !== null && <ProblemText problem={problem} />}
      <div className={classes.line}>
        <Button type="submit" loading={change.isPending} disabled={current === '' || strength(next) === 0}>
          {words.change}
        </Button>
        {change.isSuccess && (
          <span className={classes.good} role="status">
            {words.changed}
          </span>
        )}
      </div>
    </form>
  );
}
