import { Button, Group, Modal, Stack } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useNavigate } from '@tanstack/react-router';
import { api, body } from '@/api/client';
import type { MemberRead } from '@/api/types';
import { meQuery, useAccount, useTenant } from '@/app/tenant';
import { Confirm } from '@/components/Confirm';
import { text } from '@/strings';
import { settings } from '@/strings/settings';

interface RemoveMemberProps {
  member: MemberRead;
  /** The workspace has one owner. */
  onlyOwner: boolean;
  onClose: () => void;
}

/** Remove a member, or leave, after saying what it does. The only owner is told what to do first. */
export function RemoveMember({ member, onlyOwner, onClose }: RemoveMemberProps) {
  const words = settings.team;
  const tenant = useTenant();
  const self = useAccount().id === member.user_id;
  const remove = useRemove(member, self);
  const title = self ? words.leaveTitle(tenant.name) : words.removeOf(member.email);
  if (member.role === 'owner' && onlyOwner) {
    return (
      <Modal opened onClose={onClose} title={title}>
        <Stack>
          <p>{words.onlyOwner}</p>
          <Group justify="flex-end">
            <Button variant="default" onClick={onClose}>
              {text.common.close}
            </Button>
          </Group>
        </Stack>
      </Modal>
    );
  }
  return (
    <Confirm opened onClose={onClose} title={title} action={self ? words.leave : words.remove} onConfirm={remove}>
      {self ? words.leaveDetail(tenant.name) : words.removeDetail(member.email, tenant.name)}
    </Confirm>
  );
}

function useRemove(member: MemberRead, self: boolean): () => Promise<unknown> {
  const { id } = useTenant();
  const cache = useQueryClient();
  const navigate = useNavigate();
  return async () => {
    await body(
      api.DELETE('/api/auth/tenants/{tenant_id}/members/{user_id}/', {
        params: { path: { tenant_id: id, user_id: member.user_id } },
      }),
    );
    if (self) {
      // Another workspace opens, or a page that says that there is none.
      await navigate({ to: '/segments', search: {} });
      await cache.invalidateQueries({ queryKey: meQuery.queryKey });
      return;
    }
    await cache.invalidateQueries({ queryKey: ['members', id] });
    await cache.invalidateQueries({ queryKey: ['invites', id] });
  };
}
