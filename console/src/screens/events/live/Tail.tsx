import { Link } from '@tanstack/react-router';
import { useEffect, useMemo, useState } from 'react';
import type { EventRead } from '@/api/types';
import { clock, relative, shortDay, utc } from '@/components/format';
import { Icon } from '@/components/icons';
import { QueryState } from '@/components/states';
import { useNow } from '@/components/Time';
import { type Column, DataTable } from '@/components/table/DataTable';
import { text } from '@/strings';
import { events as strings } from '@/strings/events';
import { EventDrawer } from '../detail/EventDrawer';
import { summary } from '../detail/payload';
import classes from '../events.module.css';
import { NoEvents } from '../NoEvents';
import { useStoredEvents } from '../queries';
import { type EventFilters, joined } from './filters';
import type { LiveEvents } from './live-events';

const words = strings;

interface TailProps {
  filters: EventFilters;
  setFilters: (changes: EventFilters) => void;
  live: LiveEvents;
  filtered: boolean;
}

function columns(setFilters: (changes: EventFilters) => void): Column<EventRead>[] {
  return [
    {
      key: 'time',
      header: words.columns.time,
      width: '150px',
      narrow: 'aside',
      render: (event) => <Clock at={event.occurred_at} />,
    },
    {
      key: 'type',
      header: words.columns.type,
      width: 'minmax(120px, 200px)',
      narrow: 'title',
      render: ({ event_type }) => (
        <Pick label={words.only(event_type)} onClick={() => setFilters({ event_type })}>
          {event_type}
        </Pick>
      ),
    },
    {
      key: 'user',
      header: words.columns.user,
      width: 'minmax(130px, 220px)',
      render: (event) => <UserCell event={event} setFilters={setFilters} />,
    },
    {
      key: 'payload',
      header: words.columns.payload,
      width: 'minmax(160px, 1fr)',
      narrow: 'hidden',
      render: (event) => <code className="dim">{summary(event.payload)}</code>,
    },
  ];
}

/** The time of the day, with the day if it is not the present one. */
function Clock({ at }: { at: string }) {
  const now = useNow();
  const today = new Date(at).toDateString() === new Date(now).toDateString();
  return (
    <time dateTime={at} title={`${relative(at, now)} · ${text.common.utc(utc(at))}`}>
      {today ? '' : `${shortDay(at)} `}
      {clock(at)}
    </time>
  );
}

function Pick({ label, onClick, children }: { label: string; onClick: () => void; children: string }) {
  return (
    <button type="button" className={classes.pick} title={label} onClick={onClick}>
      {children}
    </button>
  );
}

function UserCell({ event, setFilters }: { event: EventRead; setFilters: (changes: EventFilters) => void }) {
  const id = event.user_id ?? event.anonymous_id;
  if (id === null) return null;
  return (
    <span className={classes.user}>
      <Link to="/users/$userId" params={{ userId: id }}>
        <code>{id}</code>
      </Link>
      {event.user_id === null && <span className="dim small">{words.anonymous}</span>}
      <button
        type="button"
        className={classes.only}
        title={words.only(id)}
        aria-label={words.only(id)}
        onClick={() => setFilters({ user_id: id })}
      >
        <Icon name="filter" size={12} />
      </button>
    </span>
  );
}

/** Live events above stored ones; a row opens the whole event. */
export function Tail({ filters, setFilters, live, filtered }: TailProps) {
  const pages = useStoredEvents(filters);
  const [opened, setOpened] = useState<EventRead | null>(null);
  const rows = useMemo(() => joined(live.events, pages.rows), [live.events, pages.rows]);
  const shape = useMemo(() => columns(setFilters), [setFilters]);
  const { refetch } = pages.query;
  // What was stored between reading the list and connecting the stream is in neither.
  useEffect(() => {
    if (live.connected) void refetch();
  }, [live.connected, refetch]);
  return (
    <>
      {live.gap && <p className={classes.gap}>{words.gap}</p>}
      <QueryState query={pages.query} empty={{ when: () => rows.length === 0, show: <NoEvents filtered={filtered} /> }}>
        {() => (
          <DataTable
            label={words.label}
            columns={shape}
            rows={rows}
            rowKey={({ message_id, event_type }) => `${message_id} ${event_type}`}
            onOpen={setOpened}
            more={pages.more}
            onEnd={pages.loadMore}
          />
        )}
      </QueryState>
      {opened !== null && <EventDrawer event={opened} onClose={() => setOpened(null)} />}
    </>
  );
}
