import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import type { FormEvent } from 'react';
import { useDraft } from '@/api/drafts';
import { useTenant } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { faultAt, unplaced } from '@/screens/settings/fields';
import { text } from '@/strings';
import { users } from '@/strings/users';
import { useMerges } from './queries';

/** Merge another user into a person, after saying what it does. */
export function MergeDialog({ person, onClose }: { person: string; onClose: () => void }) {
  const words = users.ids;
  const tenant = useTenant();
  const [from, setFrom, drop] = useDraft(`merge.${tenant.id}.${person}`, '');
  const { merge } = useMerges();
  const send = useMutation({ mutationFn: () => merge(from, person) });
  const close = () => {
    drop();
    onClose();
  };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send.mutate(undefined, { onSuccess: close });
  };
  const problem = unplaced(send.error, 'from_user_id');
  return (
    <Modal opened onClose={close} title={words.merge}>
      <form onSubmit={submit}>
        <Stack>
          <TextInput
            label={words.from}
            required
            autoComplete="off"
            data-autofocus
            value={from}
            error={faultAt(send.error, 'from_user_id')}
            onChange={(event) => setFrom(event.currentTarget.value)}
          />
          <p className="dim">{words.mergeDetail(from === '' ? words.thatUser : from, person)}</p>
          {problem !== null && <ProblemText problem={problem} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={close}>
              {text.common.cancel}
            </Button>
            <Button type="submit" color="red" loading={send.isPending} disabled={from === ''}>
              {words.merge}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
