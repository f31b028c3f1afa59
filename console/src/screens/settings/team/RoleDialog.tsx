import { Button, Group, Modal, Stack } from '@mantine/core';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { type FormEvent, useState } from 'react';
import { api, body } from '@/api/client';
import type { MemberRead } from '@/api/types';
import { meQuery, useAccount, useTenant } from '@/app/tenant';
import { ProblemText } from '@/components/ProblemText';
import { text } from '@/strings';
import { settings } from '@/strings/settings';
import { faultAt, unplaced } from '../fields';
import classes from '../settings.module.css';
import { RoleChoice } from './RoleChoice';

interface RoleDialogProps {
  member: MemberRead;
  /** The workspace has one owner. */
  onlyOwner: boolean;
  onClose: () => void;
}

/** Give a member another role. */
export function RoleDialog({ member, onlyOwner, onClose }: RoleDialogProps) {
  const words = settings.team;
  const tenant = useTenant();
  const me = useAccount();
  const cache = useQueryClient();
  const [role, setRole] = useState(member.role);
  const change = useMutation({
    mutationFn: () =>
      body(
        api.PATCH('/api/auth/tenants/{tenant_id}/members/{user_id}/', {
          params: { path: { tenant_id: tenant.id, user_id: member.user_id } },
          body: { role },
        }),
      ),
    onSuccess: async () => {
      await cache.invalidateQueries({ queryKey: ['members', tenant.id] });
      if (member.user_id === me.id) await cache.invalidateQueries({ queryKey: meQuery.queryKey });
      onClose();
    },
  });
  const blocked = member.role === 'owner' && onlyOwner;
  const problem = unplaced(change.error, 'role');
  const submit = (event: FormEvent) => {
    event.preventDefault();
    change.mutate();
  };
  return (
    <Modal opened onClose={onClose} title={words.changeRoleOf(member.email)}>
      <form onSubmit={submit}>
        <Stack>
          {blocked ? (
            <p>{words.onlyOwner}</p>
          ) : (
            <RoleChoice value={role} onChange={setRole} error={faultAt(change.error, 'role')} />
          )}
          {!blocked && member.user_id === me.id && role !== member.role && (
            <p className={classes.note}>{words.ownRole}</p>
          )}
          {problem !== null && <ProblemText problem={problem} />}
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {blocked ? text.common.close : text.common.cancel}
            </Button>
            {!blocked && (
              <Button type="submit" loading={change.isPending} disabled={role === member.role}>
                {words.changeRole}
              </Button>
            )}
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
