import type { ReactNode } from 'react';
import { Time } from '@/components/Time';
import type { Column } from '@/components/table/DataTable';
import { events as strings } from '@/strings/events';

const words = strings.types.columns;

interface TypeRow {
  event_type: string;
  count: number;
  first_seen: string;
  last_seen: string;
}

/** Columns of a table of event types. `count` shows how many events there are, `extra` is the column after it. */
export function typeColumns<Row extends TypeRow>(count: (row: Row) => ReactNode, extra: Column<Row>): Column<Row>[] {
  return [
    {
      key: 'type',
      header: words.type,
      width: 'minmax(140px, 2fr)',
      narrow: 'title',
      render: ({ event_type }) => event_type,
    },
    { key: 'count', header: words.count, width: '90px', align: 'end', narrow: 'aside', render: count },
    extra,
    {
      key: 'first',
      header: words.first,
      width: 'minmax(110px, 1fr)',
      narrow: 'hidden',
      render: ({ first_seen }) => <Time at={first_seen} />,
    },
    {
      key: 'last',
      header: words.last,
      width: 'minmax(110px, 1fr)',
      render: ({ last_seen }) => <Time at={last_seen} />,
    },
  ];
}
