import { useNavigate } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { ActivationRead } from '@/api/types';
import { Empty, QueryState } from '@/components/states';
import { DataTable } from '@/components/table/DataTable';
import { activations as words } from '@/strings/activations';
import { useActivations, useSegmentName } from '../queries';
import { columns } from './columns';

interface ActivationListProps {
  /** Only those of one segment. */
  segment?: number;
  /** The button that makes the first one. */
  create: ReactNode;
}

/** Activations, each of which opens on a click. */
export function ActivationList({ segment, create }: ActivationListProps) {
  const pages = useActivations(segment);
  const nameOf = useSegmentName();
  const navigate = useNavigate();
  const open = ({ id }: ActivationRead) =>
    void navigate({ to: '/settings/activations/$activationId', params: { activationId: String(id) } });
  return (
    <QueryState
      query={pages.query}
      empty={{
        when: () => pages.rows.length === 0,
        show: (
          <Empty title={words.emptyTitle} action={create}>
            {words.empty}
          </Empty>
        ),
      }}
    >
      {() => (
        <DataTable
          label={words.what}
          columns={columns(segment === undefined ? nameOf : null)}
          rows={pages.rows}
          rowKey={({ id }) => String(id)}
          onOpen={open}
          more={pages.more}
          onEnd={pages.loadMore}
          total={pages.total}
        />
      )}
    </QueryState>
  );
}
