import { Link } from '@tanstack/react-router';
import type { EventTypeRead } from '@/api/types';
import { Sparkline } from '@/components/chart/Sparkline';
import { count } from '@/components/format';
import { QueryState } from '@/components/states';
import { DataTable } from '@/components/table/DataTable';
import { events as strings } from '@/strings/events';
import classes from '../events.module.css';
import { NoEvents } from '../NoEvents';
import { useEventTypes } from '../queries';
import { typeColumns } from './columns';
import { Properties } from './Properties';

const words = strings.types;

const columns = typeColumns<EventTypeRead>(
  ({ event_type, count: events }) => (
    <Link to="/events" search={{ event_type }}>
      {count(events)}
    </Link>
  ),
  {
    key: 'day',
    header: words.columns.day,
    width: '104px',
    narrow: 'hidden',
    render: ({ event_type, last_24_hours }) => <Sparkline values={last_24_hours} label={words.trend(event_type)} />,
  },
);

interface TypesProps {
  chosen: string | undefined;
  choose: (type: string | undefined) => void;
}

/** The event types that were seen; a row opens its properties. */
export function Types({ chosen, choose }: TypesProps) {
  const query = useEventTypes();
  return (
    <div className={classes.split} data-open={chosen !== undefined || undefined}>
      <div className={classes.list}>
        <QueryState
          query={query}
          empty={{ when: ({ results }) => results.length === 0, show: <NoEvents filtered={false} /> }}
        >
          {({ results }) => (
            <DataTable
              label={words.label}
              columns={columns}
              rows={results}
              rowKey={({ event_type }) => event_type}
              current={chosen}
              onOpen={({ event_type }) => choose(event_type)}
              total={results.length}
            />
          )}
        </QueryState>
      </div>
      {chosen !== undefined && <Properties key={chosen} eventType={chosen} onClose={() => choose(undefined)} />}
    </div>
  );
}
