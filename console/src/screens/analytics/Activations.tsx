import { Link } from '@tanstack/react-router';
import type { ActivationFiguresRead } from '@/api/types';
import { count, percent } from '@/components/format';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { text } from '@/strings';
import { activations } from '@/strings/activations';
import { analytics } from '@/strings/analytics';
import { useActivationFigures } from './queries';

const words = analytics.activations;

/** Activations with the size of their segment, and how their deliveries go. */
export function Activations() {
  const query = useActivationFigures();
  const create = (
    <Link to="/settings/$tab" params={{ tab: 'activations' }}>
      {words.create}
    </Link>
  );
  return (
    <QueryState
      query={query}
      empty={{
        when: (rows) => rows.length === 0,
        show: (
          <Empty title={activations.emptyTitle} action={create}>
            {activations.empty}
          </Empty>
        ),
      }}
    >
      {(rows) => (
        <DataTable
          label={words.label}
          columns={COLUMNS}
          rows={rows}
          rowKey={({ id }) => String(id)}
          total={rows.length}
        />
      )}
    </QueryState>
  );
}

const COLUMNS: readonly Column<ActivationFiguresRead>[] = [
  {
    key: 'segment',
    header: words.columns.segment,
    width: 'minmax(160px, 3fr)',
    narrow: 'title',
    render: ({ id, segment_id, segment_name }) => (
      <Link to="/settings/activations/$activationId" params={{ activationId: String(id) }}>
        {segment_name ?? activations.unnamed(segment_id)}
      </Link>
    ),
  },
  {
    key: 'connector',
    header: words.columns.connector,
    width: 'minmax(90px, 1fr)',
    narrow: 'hidden',
    render: ({ connector_type: type }) => activations.connectors[type as keyof typeof activations.connectors] ?? type,
  },
  {
    key: 'status',
    header: words.columns.status,
    width: '100px',
    render: ({ status }) => activations.status[status],
  },
  {
    key: 'members',
    header: words.columns.members,
    width: '90px',
    align: 'end',
    narrow: 'hidden',
    render: ({ member_count: members }) => (members === null ? text.common.none : count(members)),
  },
  {
    key: 'rate',
    header: words.columns.rate,
    width: '100px',
    align: 'end',
    narrow: 'aside',
    render: ({ success_rate: rate }) => (rate === null ? text.common.none : percent(rate)),
  },
  {
    key: 'synced',
    header: words.columns.synced,
    width: '120px',
    narrow: 'hidden',
    render: ({ last_synced_at: at }) => <Time at={at} />,
  },
];
