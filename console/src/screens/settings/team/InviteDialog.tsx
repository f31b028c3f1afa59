import { Button, Group, Modal, Stack, TextInput } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, body } from '@/api/client';
import { useDraft } from '@/api/drafts';
import type { Role } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { text } from '@/strings';
import { settings } from '@/strings/settings';
import { faultAt, unplaced } from '../fields';
import { InviteLink, type NewInvite } from './InviteLink';
import { RoleChoice } from './RoleChoice';

/** Return a function that invites an address; an earlier invite of the address stops working. */
export function useInvite() {
  const { id } = useTenant();
  const cache = useQueryClient();
  return async (invite: { email: string; role: Role }): Promise<NewInvite> => {
    const created = await body(
      api.POST('/api/auth/tenants/{tenant_id}/invites/', { params: { path: { tenant_id: id } }, body: invite }),
    );
    await cache.invalidateQueries({ queryKey: ['invites', id] });
    return created;
  };
}

/** Invite a person, and show the link to pass on. */
export function InviteDialog({ onClose }: { onClose: () => void }) {
  const tenant = useTenant();
  const [draft, setDraft, drop] = useDraft<{ email: string; role: Role }>(`invite.${tenant.id}`, {
    email: '',
    role: 'member',
  });
  const [created, setCreated] = useState<NewInvite | null>(null);
  const send = useMutation({ mutationFn: useInvite() });
  const submit = (event: FormEvent) => {
    event.preventDefault();
    send.mutate(draft, {
      onSuccess: (invite) => {
        drop();
        setCreated(invite);
      },
    });
  };
  if (created !== null) return <InviteLink invite={created} onClose={onClose} />;
  const cancel = () => {
    drop();
    onClose();
  };
  const words = settings.team;
  const problem = unplaced(send.error, 'email', 'role');
  return (
    <Modal opened onClose={cancel} title={words.invite}>
      <form onSubmit={submit}>
        <Stack>
          <p className="dim">{words.inviteDetail}</p>
          <TextInput
            label={words.email}
            type="email"
            autoComplete="off"
            required
            data-autofocus
            value={draft.email}
            error={faultAt(send.error, 'email')}
            onChange={(event) => setDraft({ ...draft, email: event.currentTarget.value })}
          />
          <RoleChoice
            value={draft.role}
            onChange={(role) => setDraft({ ...draft, role })}
            error={faultAt(send.error, 'role')}
          />
          {problem !== null && <ProblemText problem={problem} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={cancel}>
              {text.common.cancel}
            </Button>
            <Button type="submit" loading={send.isPending}>
              {words.send}
            </Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
