import { ActionIcon, Menu } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { type Dispatch, type SetStateAction, useState } from 'react';
import { api, body } from '@/api/client';
import type { InviteRead } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { Confirm } from '@/components/Confirm';
import { Icon } from '@/components/icons';
import { QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import type { Column } from '@/components/table/DataTable';
import { usePages } from '@/components/table/pages';
import { useConfig } from '@/screens/auth/config';
import { settings } from '@/strings/settings';
import { Rows } from '../Rows';
import { useInvite } from './InviteDialog';
import { InviteLink, type NewInvite } from './InviteLink';
import { covers } from './roles';

type Act = 'resend' | 'renew' | 'withdraw';
type Open = { dialog: Act; invite: InviteRead } | { dialog: 'link'; invite: NewInvite } | null;

function readInvites(tenant: number, cursor: string | undefined) {
  return body(
    api.GET('/api/auth/tenants/{tenant_id}/invites/', {
      params: { path: { tenant_id: tenant }, query: { limit: 200, ...(cursor === undefined ? {} : { cursor }) } },
    }),
  );
}

/** Invites that can still be accepted. */
export function Invites() {
  const { id } = useTenant();
  const [open, setOpen] = useState<Open>(null);
  const pages = usePages(['invites', id], (cursor) => readInvites(id, cursor));
  const columns = useColumns(setOpen);
  return (
    <>
      <QueryState
        query={pages.query}
        empty={{ when: () => pages.rows.length === 0, show: <p className="dim">{settings.team.noInvites}</p> }}
      >
        {() => (
          <Rows
            label={settings.team.invites}
            columns={columns}
            rows={pages.rows}
            rowKey={({ id: invite }) => String(invite)}
            onEnd={pages.loadMore}
            more={pages.more}
            total={pages.total}
          />
        )}
      </QueryState>
      <Dialogs open={open} setOpen={setOpen} />
    </>
  );
}

function Dialogs({ open, setOpen }: { open: Open; setOpen: Dispatch<SetStateAction<Open>> }) {
  const act = useActs();
  if (open === null) return null;
  const { invite } = open;
  if (open.dialog === 'link') return <InviteLink invite={open.invite} onClose={() => setOpen(null)} />;
  const { title, detail, action } = wordsOf(open.dialog, invite.email);
  const confirm = async () => {
    const renewed = await act(open.dialog, invite);
    if (renewed !== null) setOpen({ dialog: 'link', invite: renewed });
  };
  return (
    <Confirm
      opened
      // A link that was made in the meantime stays.
      onClose={() => setOpen((current) => (current?.dialog === 'link' ? current : null))}
      title={title}
      action={action}
      onConfirm={confirm}
    >
      {detail}
    </Confirm>
  );
}

function wordsOf(act: Act, email: string): { title: string; detail: string; action: string } {
  const words = settings.team;
  switch (act) {
    case 'resend':
      return { title: words.resendOf(email), detail: words.resendDetail(email), action: words.resend };
    case 'renew':
      return { title: words.renewOf(email), detail: words.renewDetail(email), action: words.renew };
    case 'withdraw':
      return { title: words.withdrawOf(email), detail: words.withdrawDetail(email), action: words.withdraw };
  }
}

/** Return a function that does something with an invite. It returns the new invite if there is one. */
function useActs() {
  const { id } = useTenant();
  const cache = useQueryClient();
  const create = useInvite();
  return async (act: Act, { id: inviteId, email, role }: InviteRead): Promise<NewInvite | null> => {
    if (act === 'renew') return create({ email, role });
    const params = { path: { tenant_id: id, invite_id: inviteId } };
    if (act === 'withdraw') {
      await body(api.DELETE('/api/auth/tenants/{tenant_id}/invites/{invite_id}/', { params }));
    } else {
      await body(api.POST('/api/auth/tenants/{tenant_id}/invites/{invite_id}/resend/', { params }));
    }
    await cache.invalidateQueries({ queryKey: ['invites', id] });
    return null;
  };
}

function useColumns(setOpen: (open: Open) => void): readonly Column<InviteRead>[] {
  const words = settings.team;
  const { role: ownRole } = useTenant();
  return [
    {
      key: 'email',
      header: words.email,
      width: 'minmax(160px, 1fr)',
      narrow: 'title',
      render: ({ email }) => <span title={email}>{email}</span>,
    },
    {
      key: 'role',
      header: settings.role,
      width: '80px',
      render: ({ role }) => settings.roles[role],
    },
    {
      key: 'by',
      header: words.invitedBy,
      width: 'minmax(120px, 0.7fr)',
      narrow: 'hidden',
      render: ({ invited_by_email }) => <span title={invited_by_email}>{invited_by_email}</span>,
    },
    {
      key: 'expires',
      header: words.expires,
      width: '100px',
      render: ({ expires_at }) => <Time at={expires_at} />,
    },
    {
      key: 'actions',
      header: '',
      width: '40px',
      align: 'end',
      narrow: 'aside',
      render: (invite) => (
        <InviteMenu
          email={invite.email}
          renewable={covers(ownRole, invite.role)}
          onAct={(dialog) => setOpen({ dialog, invite })}
        />
      ),
    },
  ];
}

interface InviteMenuProps {
  email: string;
  /** The own role covers the role of the invite. */
  renewable: boolean;
  onAct: (act: Act) => void;
}

function InviteMenu({ email, renewable, onAct }: InviteMenuProps) {
  const words = settings.team;
  const config = useConfig();
  return (
    <Menu position="bottom-end" width={150}>
      <Menu.Target>
        <ActionIcon aria-label={words.actionsOf(email)} size={26}>
          <Icon name="more" size={14} />
        </ActionIcon>
      </Menu.Target>
      <Menu.Dropdown>
        {renewable && config?.sends_mail && <Menu.Item onClick={() => onAct('resend')}>{words.resend}</Menu.Item>}
        {renewable && <Menu.Item onClick={() => onAct('renew')}>{words.renew}</Menu.Item>}
        <Menu.Item color="red" onClick={() => onAct('withdraw')}>
          {words.withdraw}
        </Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
