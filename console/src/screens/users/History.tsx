import { Select } from '@mantine/core';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useVirtualizer } from '@tanstack/react-virtual';
import { type KeyboardEvent, useEffect, useMemo, useRef } from 'react';
import type { EventRead, UserRead } from '@/api/types';
import { clock, count, day } from '@/components/format';
import { Empty, QueryState } from '@/components/states';
import { useNow } from '@/components/Time';
import { summary } from '@/screens/events/detail/payload';
import { users as strings } from '@/strings/users';
import { EventLink } from './EventLink';
import { useUserEvents } from './queries';
import { byDay, daysAgo, type TimelineRow } from './timeline';
import classes from './users.module.css';

const words = strings.history;
const SIZE = { day: 34, event: 30 };

/** The events of a user as a timeline, newest first. */
export function History({ user }: { user: UserRead }) {
  const { type } = useSearch({ from: '/frame/users/$userId' });
  const navigate = useNavigate({ from: '/users/$userId' });
  const pages = useUserEvents(user.user_id, type);
  const rows = useMemo(() => byDay(pages.rows), [pages.rows]);
  const choose = (next: string | null) =>
    void navigate({
      search: ({ type: _type, ...rest }) => (next ? { ...rest, type: next } : rest),
      replace: true,
    });
  return (
    <>
      <div className={classes.bar}>
        <Select
          aria-label={words.type}
          placeholder={words.all}
          data={user.event_types.map(({ event_type, count: events }) => ({
            value: event_type,
            label: `${event_type} · ${count(events)}`,
          }))}
          value={type ?? null}
          onChange={choose}
          searchable
          clearable
        />
      </div>
      <QueryState
        query={pages.query}
        empty={{
          when: () => rows.length === 0,
          show: <Empty title={words.emptyTitle}>{words.empty}</Empty>,
        }}
      >
        {() => <Timeline rows={rows} more={pages.more} onEnd={pages.loadMore} />}
      </QueryState>
    </>
  );
}

/** Move the focus between events with the arrow keys. */
function moveFocus(event: KeyboardEvent<HTMLElement>): void {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined) return;
  const links = [...event.currentTarget.querySelectorAll('a')];
  const next = links[links.indexOf(document.activeElement as HTMLAnchorElement) + step];
  if (!next) return;
  event.preventDefault();
  next.focus();
}

interface TimelineProps {
  rows: readonly TimelineRow[];
  more: boolean;
  onEnd: () => void;
}

function Timeline({ rows, more, onEnd }: TimelineProps) {
  const scroller = useRef<HTMLDivElement>(null);
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: (index) => SIZE[rows[index]?.kind ?? 'event'],
    overscan: 20,
  });
  useEffect(() => {
    if (rows.length > 0) virtual.measure();
  }, [rows, virtual]);
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= rows.length - 30) onEnd();
  }, [more, last, rows.length, onEnd]);
  return (
    <section ref={scroller} className={classes.timeline} aria-label={words.label}>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the links inside have the focus */}
      <div className={classes.track} style={{ height: virtual.getTotalSize() }} onKeyDown={moveFocus}>
        {items.map((item) => (
          <div key={item.key} className={classes.place} style={{ transform: `translateY(${item.start}px)` }}>
            <Row row={rows[item.index]} />
          </div>
        ))}
      </div>
    </section>
  );
}

function Row({ row }: { row: TimelineRow | undefined }) {
  const now = useNow();
  if (row === undefined) return null;
  if (row.kind === 'event') return <EventRow event={row.event} />;
  const ago = daysAgo(row.at, now);
  return (
    <h2 className={classes.day}>
      {ago === 0 ? words.today : ago === 1 ? words.yesterday : day(row.at)}
      <span className="dim small">{words.events(count(row.events), row.events === 1)}</span>
    </h2>
  );
}

function EventRow({ event }: { event: EventRead }) {
  return (
    <EventLink messageId={event.message_id} at={event.occurred_at} className={classes.event}>
      <time dateTime={event.occurred_at}>{clock(event.occurred_at)}</time>
      <strong>{event.event_type}</strong>
      <code className="dim">{summary(event.payload)}</code>
    </EventLink>
  );
}
