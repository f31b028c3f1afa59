import { Button, Textarea } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, body } from '@/api/client';
import type { ApiKeyChanged, ApiKeyRead } from '@/api/types';
import { ProblemText } from '@/components/ProblemText';
import { settings } from '@/strings/settings';
import { faultAt, unplaced } from '../fields';
import classes from '../settings.module.css';
import { useKeysChanged } from './queries';
import { originLines } from './scopes';

interface ChangeProps {
  apiKey: ApiKeyRead;
  onChanged: (key: ApiKeyChanged) => void;
}

/** The origins of a publishable key, one per line. */
export function Origins({ apiKey, onChanged }: ChangeProps) {
  const words = settings.keys;
  const stored = apiKey.allowed_origins.join('\n');
  const [lines, setLines] = useState(stored);
  const keysChanged = useKeysChanged();
  const save = useMutation({
    mutationFn: () =>
      body(
        api.PATCH('/api/auth/api-keys/{key_id}/', {
          params: { path: { key_id: apiKey.id } },
          body: { allowed_origins: originLines(lines) },
        }),
      ),
    onSuccess: (key) => {
      setLines(key.allowed_origins.join('\n'));
      onChanged(key);
      void keysChanged();
    },
  });
  const problem = unplaced(save.error, 'allowed_origins');
  const same = originLines(lines).join('\n') === stored;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    save.mutate();
  };
  return (
    <form className={classes.form} onSubmit={submit}>
      <Textarea
        label={words.origins}
        description={words.originsHelp}
        rows={3}
        spellCheck={false}
        value={lines}
        error={faultAt(save.error, 'allowed_origins')}
        onChange={(event) => setLines(event.currentTarget.value)}
      />
      {problem !== null && <ProblemText problem={problem} />}
      <div className={classes.line}>
        <Button type="submit" variant="default" loading={save.isPending} disabled={same}>
          {words.saveOrigins}
        </Button>
        {save.isSuccess && same && (
          <span className={classes.good} role="status">
            {settings.saved}
          </span>
        )}
      </div>
    </form>
  );
}
