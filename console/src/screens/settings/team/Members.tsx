import { Button } from '@mantine/core';
import { useState } from 'react';
import type { MemberRead } from '@/api/types';
import { useAccount, useTenant } from '@/app/tenant';
import { Icon } from '@/components/icons';
import { QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import type { Column } from '@/components/table/DataTable';
import { usePages } from '@/components/table/pages';
import { settings } from '@/strings/settings';
import { readMembers } from '../queries';
import { Rows } from '../Rows';
import classes from '../settings.module.css';
import { RemoveMember } from './RemoveMember';
import { RoleDialog } from './RoleDialog';
import { rights } from './roles';

type Open = { dialog: 'role' | 'remove'; member: MemberRead } | null;

/** All members with their roles. */
export function Members() {
  const { id } = useTenant();
  const [open, setOpen] = useState<Open>(null);
  const pages = usePages(['members', id, 'list'], (cursor) => readMembers(id, cursor));
  const columns = useColumns(setOpen);
  const owners = pages.rows.filter(({ role }) => role === 'owner').length;
  const close = () => setOpen(null);
  return (
    <QueryState query={pages.query}>
      {() => (
        <>
          <Rows
            label={settings.team.members}
            columns={columns}
            rows={pages.rows}
            rowKey={({ user_id }) => String(user_id)}
            onEnd={pages.loadMore}
            more={pages.more}
            total={pages.total}
          />
          {open?.dialog === 'role' && (
            <RoleDialog member={open.member} onlyOwner={!pages.more && owners === 1} onClose={close} />
          )}
          {open?.dialog === 'remove' && (
            <RemoveMember member={open.member} onlyOwner={!pages.more && owners === 1} onClose={close} />
          )}
        </>
      )}
    </QueryState>
  );
}

function useColumns(setOpen: (open: Open) => void): readonly Column<MemberRead>[] {
  const words = settings.team;
  const me = useAccount();
  const tenant = useTenant();
  return [
    {
      key: 'email',
      header: words.email,
      width: 'minmax(160px, 1fr)',
      narrow: 'title',
      render: ({ user_id, email }) => (
        <span className={classes.named}>
          <span title={email}>{email}</span>
          {user_id === me.id && <span className={classes.tag}>{words.you}</span>}
        </span>
      ),
    },
    {
      key: 'role',
      header: settings.role,
      width: '120px',
      render: (member) => (
        <RoleCell
          member={member}
          may={rights(tenant.role, member, member.user_id === me.id).role}
          onOpen={() => setOpen({ dialog: 'role', member })}
        />
      ),
    },
    {
      key: 'joined',
      header: words.joined,
      width: '120px',
      render: ({ joined_at }) => <Time at={joined_at} />,
    },
    {
      key: 'actions',
      header: '',
      width: '84px',
      align: 'end',
      narrow: 'aside',
      render: (member) => {
        const self = member.user_id === me.id;
        if (!rights(tenant.role, member, self).remove) return null;
        const label = self ? words.leaveTitle(tenant.name) : words.removeOf(member.email);
        return (
          <Button
            variant="subtle"
            color="gray"
            size="compact-sm"
            className={classes.quiet ?? ''}
            aria-label={label}
            onClick={() => setOpen({ dialog: 'remove', member })}
          >
            {self ? words.leave : words.remove}
          </Button>
        );
      },
    },
  ];
}

function RoleCell({ member, may, onOpen }: { member: MemberRead; may: boolean; onOpen: () => void }) {
  const name = settings.roles[member.role];
  if (!may) return <span title={`${settings.may[member.role]}.`}>{name}</span>;
  return (
    <Button
      variant="subtle"
      color="gray"
      size="compact-sm"
      className={`${classes.quiet} ${classes.cell}`}
      rightSection={<Icon name="down" size={12} />}
      title={settings.may[member.role]}
      aria-label={`${settings.team.changeRoleOf(member.email)}: ${name}`}
      onClick={onOpen}
    >
      {name}
    </Button>
  );
}
