import { Button } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body } from '@/api/client';
import { asProblem } from '@/api/problem';
import { useMay, useTenant } from '@/app/tenant';
import { CopyButton } from '@/components/CopyButton';
import { count } from '@/components/format';
import { ProblemText } from '@/components/ProblemText';
import { onboarding } from '@/strings/onboarding';
import classes from './onboarding.module.css';
import { Step } from './Step';

interface KeyStepProps {
  /** The key that was made on this page, or null. */
  value: string | null;
  /** How many keys the workspace has. */
  existing: number;
  onCreated: (key: string) => void;
}

/** Return a key with its middle left out: `sk_live_…R2D2`. */
export function masked(key: string): string {
  return `${key.slice(0, key.lastIndexOf('_') + 1)}…${key.slice(-4)}`;
}

export function KeyStep({ value, existing, onCreated }: KeyStepProps) {
  const words = onboarding.key;
  const tenant = useTenant();
  const admin = useMay('admin');
  const cache = useQueryClient();
  const [saved, setSaved] = useState(false);
  const create = useMutation({
    mutationFn: () => body(api.POST('/api/auth/api-keys/', { body: { tenant: tenant.id, name: words.name } })),
    onSuccess: ({ key }) => {
      setSaved(false);
      onCreated(key);
      void cache.invalidateQueries({ queryKey: ['keys', tenant.id] });
    },
  });
  const done = value === null ? existing > 0 : saved;
  return (
    <Step number={1} title={words.title} done={done}>
      {value !== null && <Shown value={value} saved={saved} onSaved={() => setSaved(true)} />}
      {value === null && (
        <>
          <p className="dim">
            {existing > 0 ? words.existing(words.keys(count(existing), existing === 1)) : words.detail}
          </p>
          {admin ? (
            <Button
              variant={existing > 0 ? 'default' : 'filled'}
              loading={create.isPending}
              onClick={() => create.mutate()}
            >
              {existing > 0 ? words.another : words.action}
            </Button>
          ) : (
            <p className="dim">{words.notAllowed}</p>
          )}
        </>
      )}
      {create.error && <ProblemText problem={asProblem(create.error)} />}
    </Step>
  );
}

function Shown({ value, saved, onSaved }: { value: string; saved: boolean; onSaved: () => void }) {
  if (saved) return <code>{masked(value)}</code>;
  return (
    <>
      <div className={classes.secret}>
        <code data-testid="new-key">{value}</code>
        <CopyButton value={value} label={onboarding.key.copy} wide />
      </div>
      <div className={classes.line}>
        <Button variant="default" onClick={onSaved}>
          {onboarding.key.saved}
        </Button>
        <span className="dim">{onboarding.key.once}</span>
      </div>
    </>
  );
}
