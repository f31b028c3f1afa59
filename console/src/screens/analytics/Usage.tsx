import { SegmentedControl } from '@mantine/core';
import { Link, useNavigate, useSearch } from '@tanstack/react-router';
import { Figures } from '@/components/chart/Figures';
import { bytes, count } from '@/components/format';
import { QueryState } from '@/components/states';
import { text } from '@/strings';
import { analytics } from '@/strings/analytics';
import classes from './analytics.module.css';
import { DayBars } from './DayBars';
import { useUsage } from './queries';

const words = analytics.usage;
const DEFAULT = '30';

/** What the tenant sends and stores. */
export function Usage() {
  const search = useSearch({ from: '/frame/analytics' });
  const navigate = useNavigate({ from: '/analytics' });
  const days = search.days !== undefined && search.days in words.ranges ? search.days : DEFAULT;
  const query = useUsage(Number(days));
  return (
    <div className={classes.page}>
      <div className={classes.bar}>
        <SegmentedControl
          aria-label={words.days}
          data={Object.entries(words.ranges).map(([value, label]) => ({ value, label }))}
          value={days}
          onChange={(next) => void navigate({ search: (old) => ({ ...old, days: next }), replace: true })}
        />
      </div>
      <QueryState query={query}>
        {({ events, received_events, stored_events, stored_bytes }) => (
          <>
            <Figures
              items={[
                { label: words.received(words.ranges[days] ?? days), value: count(received_events) },
                { label: words.stored, value: <Link to="/events">{count(stored_events)}</Link> },
                { label: words.bytes, value: bytes(stored_bytes) },
                {
                  label: words.perEvent,
                  value: stored_events === 0 ? text.common.none : count(Math.round(stored_bytes / stored_events)),
                },
              ]}
            />
            <section className={classes.part}>
              <h2>{words.chart}</h2>
              <DayBars days={events} />
              <Link to="/events" search={{ tab: 'types' }}>
                {words.types}
              </Link>
            </section>
          </>
        )}
      </QueryState>
    </div>
  );
}
