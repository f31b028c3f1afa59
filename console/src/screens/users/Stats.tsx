import { Link } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import type { UserRead } from '@/api/types';
import { Figures } from '@/components/chart/Figures';
import { count, percent } from '@/components/format';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { typeColumns } from '@/screens/events/types/columns';
import { text } from '@/strings';
import { users as strings } from '@/strings/users';
import { useUserSegments } from './queries';

const words = strings.stats;

type TypeCount = UserRead['event_types'][number];

function Of({ tab, type, children }: { tab: string; type?: string; children: ReactNode }) {
  return (
    <Link to="." search={(old: object) => ({ ...old, tab, ...(type === undefined ? {} : { type }) })}>
      {children}
    </Link>
  );
}

function columns(total: number): Column<TypeCount>[] {
  return typeColumns<TypeCount>(
    ({ event_type, count: events }) => (
      <Of tab="history" type={event_type}>
        {count(events)}
      </Of>
    ),
    {
      key: 'share',
      header: words.share,
      width: '80px',
      align: 'end',
      narrow: 'hidden',
      render: ({ count: events }) => percent(events / total),
    },
  );
}

/** A user in numbers; each number opens what it counts. */
export function Stats({ user }: { user: UserRead }) {
  const segments = useUserSegments(user.user_id).data?.length;
  const figures = [
    { label: words.events, value: <Of tab="history">{count(user.event_count)}</Of> },
    { label: words.types, value: count(user.event_type_count) },
    { label: words.traits, value: <Of tab="properties">{count(user.traits.length)}</Of> },
    {
      label: words.segments,
      value: segments === undefined ? text.common.none : <Of tab="segments">{count(segments)}</Of>,
    },
    { label: words.first, value: <Time at={user.first_seen} /> },
    { label: words.last, value: <Time at={user.last_seen} /> },
  ];
  return (
    <>
      <Figures items={figures} />
      <DataTable
        label={words.label}
        columns={columns(user.event_count)}
        rows={user.event_types}
        rowKey={({ event_type }) => event_type}
        total={user.event_types.length}
      />
    </>
  );
}
