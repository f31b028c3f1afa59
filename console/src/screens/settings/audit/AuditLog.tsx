import { useNavigate, useSearch } from '@tanstack/react-router';
import { useState } from 'react';
import { api, body } from '@/api/client';
import type { AuditEntryRead } from '@/api/types';
import { useTenant } from '@/app/tenant';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { usePages } from '@/components/table/pages';
import { settings } from '@/strings/settings';
import { useEmails } from '../queries';
import { SettingsScreen } from '../SettingsScreen';
import { Entry } from './Entry';
import { actionWords, actorWords, change, targetWords } from './entries';
import { Filters } from './Filters';
import { type AuditFilter, type Given, selecting, toQuery } from './filter';

const PAGE = 200;

/** What was done in the workspace, newest first. */
export function AuditLog() {
  const words = settings.audit;
  const [open, setOpen] = useState<AuditEntryRead | null>(null);
  const [filter, setFilter] = useFilter();
  const log = useLog(filter);
  const columns = useColumns();
  const none = <Empty title={words.none}>{words.noneDetail}</Empty>;
  return (
    <SettingsScreen tab="audit-log" about={words.about} fill>
      <Filters filter={filter} onChange={setFilter} total={log.total} />
      <QueryState query={log.query} empty={{ when: () => log.rows.length === 0, show: none }}>
        {() => (
          <DataTable
            label={words.what}
            columns={columns}
            rows={log.rows}
            rowKey={({ number }) => String(number)}
            onOpen={setOpen}
            onEnd={log.loadMore}
            more={log.more}
            total={log.total}
          />
        )}
      </QueryState>
      {open !== null && <Entry entry={open} onClose={() => setOpen(null)} />}
    </SettingsScreen>
  );
}

/** The filter of the address, and the function that changes parts of it. */
function useFilter(): [AuditFilter, (change: Given) => void] {
  const search = useSearch({ from: '/frame/settings/$tab' });
  const navigate = useNavigate({ from: '/settings/$tab' });
  const filter = selecting(search);
  const set = (change: Given) => void navigate({ search: selecting({ ...filter, ...change }), replace: true });
  return [filter, set];
}

/** The entries that pass the filter, page by page. */
function useLog(filter: AuditFilter) {
  const { id } = useTenant();
  return usePages(['audit-log', id, filter], (cursor) =>
    body(
      api.GET('/api/auth/tenants/{tenant_id}/audit-log/', {
        params: {
          path: { tenant_id: id },
          query: { limit: PAGE, ...toQuery(filter), ...(cursor === undefined ? {} : { cursor }) },
        },
      }),
    ),
  );
}

function useColumns(): readonly Column<AuditEntryRead>[] {
  const words = settings.audit;
  const emails = useEmails();
  return [
    {
      key: 'at',
      header: words.at,
      width: '180px',
      narrow: 'aside',
      render: ({ at }) => <Time at={at} long />,
    },
    {
      key: 'action',
      header: words.action,
      width: 'minmax(150px, 1fr)',
      narrow: 'title',
      render: ({ action }) => actionWords(action),
    },
    {
      key: 'target',
      header: words.target,
      width: 'minmax(160px, 1.4fr)',
      narrow: 'hidden',
      render: (entry) => (
        <>
          {targetWords(entry, emails)} <span className="dim">{change(entry)}</span>
        </>
      ),
    },
    {
      key: 'actor',
      header: words.actor,
      width: 'minmax(140px, 1fr)',
      render: ({ actor_id }) => actorWords(actor_id, emails),
    },
    {
      key: 'number',
      header: words.number,
      width: '64px',
      align: 'end',
      narrow: 'hidden',
      render: ({ number }) => <span className="dim">{number}</span>,
    },
  ];
}
