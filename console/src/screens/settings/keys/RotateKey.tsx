import { Button, Group, Modal, Radio, Stack } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, body } from '@/api/client';
import { asProblem } from '@/api/problem';
import type { ApiKeyRead } from '@/api/types';
import { ProblemText } from '@/components/ProblemText';
import { text } from '@/strings';
import { settings } from '@/strings/settings';
import classes from '../settings.module.css';
import { NewSecret } from './NewSecret';
import { useKeysChanged } from './queries';

type Overlap = keyof typeof settings.keys.overlaps;
const OVERLAPS: readonly Overlap[] = ['0', '3600', '86400', '604800'];

interface RotateKeyProps {
  apiKey: ApiKeyRead;
  onClose: () => void;
}

/** Give a key a new secret, with a time in which the previous one still works. */
export function RotateKey({ apiKey, onClose }: RotateKeyProps) {
  const words = settings.keys;
  const changed = useKeysChanged();
  const [overlap, setOverlap] = useState<Overlap>('86400');
  const rotate = useMutation({
    mutationFn: () =>
      body(
        api.POST('/api/auth/api-keys/{key_id}/rotate/', {
          params: { path: { key_id: apiKey.id } },
          body: { overlap_seconds: Number(overlap) },
        }),
      ),
    onSuccess: () => void changed(),
  });
  if (rotate.data) return <NewSecret apiKey={rotate.data} onDone={onClose} />;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    rotate.mutate();
  };
  return (
    <Modal opened onClose={onClose} title={words.rotateOf(apiKey.name)}>
      <form onSubmit={submit}>
        <Stack>
          <p>{words.rotateDetail}</p>
          <Radio.Group label={words.overlap} value={overlap} onChange={(value) => setOverlap(value as Overlap)}>
            <Stack gap={8} mt={6}>
              {OVERLAPS.map((seconds) => (
                <Radio key={seconds} value={seconds} label={words.overlaps[seconds]} />
              ))}
            </Stack>
          </Radio.Group>
          {overlaps(apiKey) && <p className={classes.note}>{words.earlier}</p>}
          {rotate.error && <ProblemText problem={asProblem(rotate.error)} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {text.common.cancel}
            </Button>
            <Button type="submit" loading={rotate.isPending}>
              {words.rotate}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}

/** Return whether the secret from before the last rotation still works. */
function overlaps({ previous_key_expires_at }: ApiKeyRead): boolean {
  return previous_key_expires_at !== null && Date.parse(previous_key_expires_at) > Date.now();
}
