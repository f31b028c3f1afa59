import { Button } from '@mantine/core';
import { useState } from 'react';
import type { ApiKeyRead } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { Icon } from '@/components/icons';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { settings } from '@/strings/settings';
import { Act } from '../Act';
import { SettingsScreen } from '../SettingsScreen';
import classes from '../settings.module.css';
import { NewKey } from './create/NewKey';
import { KeyDetails } from './KeyDetails';
import { useKeys } from './queries';
import { RevokeKey } from './RevokeKey';
import { RotateKey } from './RotateKey';
import { maskedKey, permissions, summary } from './scopes';

type Open = { dialog: 'details' | 'rotate' | 'revoke'; key: ApiKeyRead } | { dialog: 'new' } | null;

/** The API keys of the workspace and of its test workspace. */
export function Keys() {
  const words = settings.keys;
  const [open, setOpen] = useState<Open>(null);
  const keys = useKeys();
  const columns = useColumns(setOpen);
  const create = (
    <Button leftSection={<Icon name="plus" size={14} />} onClick={() => setOpen({ dialog: 'new' })}>
      {words.create}
    </Button>
  );
  const empty = (
    <Empty title={words.emptyTitle} action={create}>
      {words.empty}
    </Empty>
  );
  return (
    <SettingsScreen tab="api-keys" about={words.about} actions={create} fill>
      <QueryState query={keys.query} empty={{ when: () => keys.rows.length === 0, show: empty }}>
        {() => (
          <DataTable
            label={words.what}
            columns={columns}
            rows={keys.rows}
            rowKey={({ id }) => String(id)}
            onOpen={(key) => setOpen({ dialog: 'details', key })}
            onEnd={keys.loadMore}
            more={keys.more}
          />
        )}
      </QueryState>
      <Dialog open={open} onClose={() => setOpen(null)} />
    </SettingsScreen>
  );
}

function Dialog({ open, onClose }: { open: Open; onClose: () => void }) {
  switch (open?.dialog) {
    case 'new':
      return <NewKey onClose={onClose} />;
    case 'details':
      return <KeyDetails apiKey={open.key} onClose={onClose} />;
    case 'rotate':
      return <RotateKey apiKey={open.key} onClose={onClose} />;
    case 'revoke':
      return <RevokeKey apiKey={open.key} onClose={onClose} />;
    default:
      return null;
  }
}

function useColumns(setOpen: (open: Open) => void): readonly Column<ApiKeyRead>[] {
  const words = settings.keys;
  const tenant = useTenant();
  return [
    {
      key: 'name',
      header: words.name,
      width: 'minmax(140px, 1.2fr)',
      narrow: 'title',
      render: (key) => (
        <>
          <span title={key.name}>{key.name}</span>
          {key.tenant !== tenant.id && <span className={classes.tag}>{words.testTag}</span>}
        </>
      ),
    },
    {
      key: 'key',
      header: words.key,
      width: '140px',
      render: (key) => <code>{maskedKey(key)}</code>,
    },
    {
      key: 'scopes',
      header: words.scopes,
      width: 'minmax(160px, 1.4fr)',
      narrow: 'hidden',
      render: (key) => <span title={permissions(key)}>{summary(key)}</span>,
    },
    {
      key: 'used',
      header: words.lastUsed,
      width: '120px',
      render: ({ last_used_at }) =>
        last_used_at === null ? <span className="dim">{words.unused}</span> : <Time at={last_used_at} />,
    },
    {
      key: 'created',
      header: words.created,
      width: '120px',
      narrow: 'hidden',
      render: ({ created_at }) => <Time at={created_at} />,
    },
    {
      key: 'actions',
      header: '',
      width: '68px',
      align: 'end',
      narrow: 'aside',
      render: (key) => (
        <div className={classes.acts}>
          <Act
            icon="refresh"
            tip={words.rotate}
            label={words.rotateOf(key.name)}
            onClick={() => setOpen({ dialog: 'rotate', key })}
          />
          <Act
            icon="trash"
            tip={words.revoke}
            label={words.revokeOf(key.name)}
            onClick={() => setOpen({ dialog: 'revoke', key })}
          />
        </div>
      ),
    },
  ];
}
