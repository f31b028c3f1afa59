import { Button } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api, body } from '@/api/client';
import type { SessionRead } from '@/api/types';
import { Confirm } from '@/components/Confirm';
import { QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import type { Column } from '@/components/table/DataTable';
import { usePages } from '@/components/table/pages';
import { text } from '@/strings';
import { profile } from '@/strings/profile';
import { Act } from '../Act';
import { Rows } from '../Rows';
import classes from '../settings.module.css';

type Open = SessionRead | 'others' | null;

function readSessions(cursor: string | undefined) {
  const query = { limit: 200, ...(cursor === undefined ? {} : { cursor }) };
  return body(api.GET('/api/auth/sessions/', { params: { query } }));
}

/** Where one is signed in, and how to end that. */
export function Sessions() {
  const words = profile;
  const [open, setOpen] = useState<Open>(null);
  const pages = usePages(['sessions'], readSessions);
  return (
    <>
      <div className={classes.between}>
        <div>
          <h2>{words.sessions}</h2>
          <p className="dim">{pages.rows.length === 1 ? words.onlyOne : words.sessionsDetail}</p>
        </div>
        {pages.rows.length > 1 && (
          <Button variant="default" onClick={() => setOpen('others')}>
            {words.endOthers}
          </Button>
        )}
      </div>
      <QueryState query={pages.query}>
        {() => (
          <Rows
            label={words.sessions}
            columns={columns(setOpen)}
            rows={pages.rows}
            rowKey={({ id }) => String(id)}
            onEnd={pages.loadMore}
            more={pages.more}
            total={pages.total}
          />
        )}
      </QueryState>
      {open !== null && <EndDialog open={open} onClose={() => setOpen(null)} />}
    </>
  );
}

function EndDialog({ open, onClose }: { open: SessionRead | 'others'; onClose: () => void }) {
  const words = profile;
  const cache = useQueryClient();
  const end = async () => {
    if (open === 'others') await body(api.POST('/api/auth/sessions/revoke-others/'));
    else await body(api.DELETE('/api/auth/sessions/{session_id}/', { params: { path: { session_id: open.id } } }));
    await cache.invalidateQueries({ queryKey: ['sessions'] });
  };
  const device = open === 'others' ? '' : deviceOf(open);
  return (
    <Confirm
      opened
      onClose={onClose}
      title={open === 'others' ? words.endOthers : words.endOf(device)}
      action={open === 'others' ? words.endOthers : words.end}
      onConfirm={end}
    >
      {open === 'others' ? words.endOthersDetail : words.endDetail(device)}
    </Confirm>
  );
}

function deviceOf({ user_agent }: SessionRead): string {
  return user_agent || profile.unknownDevice;
}

function columns(setOpen: (open: Open) => void): readonly Column<SessionRead>[] {
  const words = profile;
  return [
    {
      key: 'device',
      header: words.device,
      width: 'minmax(160px, 1fr)',
      narrow: 'title',
      render: (session) => (
        <>
          {deviceOf(session)}
          {session.current && <span className={classes.tag}>{words.thisOne}</span>}
        </>
      ),
    },
    {
      key: 'address',
      header: words.address,
      width: '150px',
      render: ({ address }) => <code>{address ?? text.common.none}</code>,
    },
    {
      key: 'used',
      header: words.lastUsed,
      width: '120px',
      render: ({ last_used_at }) => <Time at={last_used_at} />,
    },
    {
      key: 'began',
      header: words.began,
      width: '120px',
      narrow: 'hidden',
      render: ({ created_at }) => <Time at={created_at} />,
    },
    {
      key: 'actions',
      header: '',
      width: '40px',
      align: 'end',
      narrow: 'aside',
      // This session ends by signing out.
      render: (session) =>
        session.current ? null : (
          <Act icon="close" tip={words.end} label={words.endOf(deviceOf(session))} onClick={() => setOpen(session)} />
        ),
    },
  ];
}
