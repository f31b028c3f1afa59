import { useState } from 'react';
import type { DeliveryRead } from '@/api/types';
import { count, duration } from '@/components/format';
import { Empty, QueryState } from '@/components/states';
import { Time } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import type { Pages } from '@/components/table/pages';
import { activations } from '@/strings/activations';
import classes from '../activations.module.css';
import { Delivery } from './Delivery';

const words = activations.log;

interface DeliveriesProps {
  log: Pages<DeliveryRead>;
  /** With which the names of files end. */
  extension: string;
}

/** Every request of the last 30 days, newest first. */
export function Deliveries({ log, extension }: DeliveriesProps) {
  const [opened, setOpened] = useState<DeliveryRead | null>(null);
  return (
    <section className={classes.log} aria-label={words.title}>
      <h2>{words.title}</h2>
      <QueryState
        query={log.query}
        empty={{ when: () => log.rows.length === 0, show: <Empty title={words.emptyTitle}>{words.empty}</Empty> }}
      >
        {() => (
          <DataTable
            label={words.title}
            columns={COLUMNS}
            rows={log.rows}
            rowKey={({ id }) => String(id)}
            onOpen={setOpened}
            more={log.more}
            onEnd={log.loadMore}
          />
        )}
      </QueryState>
      {opened !== null && <Delivery delivery={opened} extension={extension} onClose={() => setOpened(null)} />}
    </section>
  );
}

/** The status of the answer, with its meaning as a colour and a word for screen readers. */
export function Answer({ delivery }: { delivery: DeliveryRead }) {
  return (
    <span className={classes.status} data-status={delivery.status}>
      <i aria-hidden="true" />
      {words.answer(words.status[delivery.status], statusOf(delivery))}
    </span>
  );
}

/** A file has no status of HTTP. */
function statusOf({ event, response_status: status }: DeliveryRead): string {
  return status?.toString() ?? (event === 'file' ? '' : words.noAnswer);
}

const COLUMNS: readonly Column<DeliveryRead>[] = [
  { key: 'when', header: words.columns.when, width: '120px', narrow: 'detail', render: ({ at }) => <Time at={at} /> },
  {
    key: 'event',
    header: words.columns.event,
    width: 'minmax(150px, 2fr)',
    narrow: 'title',
    render: ({ event }) => <code>{event}</code>,
  },
  {
    key: 'users',
    header: words.columns.users,
    width: '80px',
    align: 'end',
    narrow: 'hidden',
    render: ({ changes }) => (changes > 0 ? count(changes) : ''),
  },
  {
    key: 'run',
    header: words.columns.run,
    width: '80px',
    align: 'end',
    narrow: 'hidden',
    render: ({ run_id }) => run_id ?? '',
  },
  {
    key: 'answer',
    header: words.columns.answer,
    width: 'minmax(150px, 1fr)',
    narrow: 'aside',
    render: (delivery) => <Answer delivery={delivery} />,
  },
  {
    key: 'duration',
    header: words.columns.duration,
    width: '90px',
    align: 'end',
    narrow: 'detail',
    render: ({ duration_ms }) => duration(duration_ms),
  },
];
